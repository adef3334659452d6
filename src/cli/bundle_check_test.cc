#include "cli/bundle_check.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/hash.h"
#include "core/exit_code.h"
#include "workload/machine.h"
#include "workload/signature.h"
#include "workload/workload.h"

namespace ose {
namespace {

constexpr char kGroup[] = "[[group]]\nname = \"g\"\nprogram = [ { run_ms = 5 } ]\n";

std::string MachineText() {
  Machine m;  // two CPUs
  m.name = "m";
  return FormatMachine(m);
}

Bundle With(const std::string& workload_text, const std::string& machine_text = MachineText()) {
  const std::string source = "// p\n";
  Bundle b;
  b.policies = {{.hash = Sha256Hex(source), .source = source, .name = "p"}};
  b.machines = {{.hash = Sha256Hex(machine_text), .name = "m", .text = machine_text}};
  auto workload = ParseWorkload(workload_text, "w");
  b.workloads = {{.hash = workload.ok() ? WorkloadHash(*workload) : Sha256Hex("w"), .name = "w", .text = workload_text, .signature = {7}, .signature_version = 99}};
  b.evaluations = {{.policy = b.policies[0].hash, .workload = b.workloads[0].hash, .machine = b.machines[0].hash, .metrics_json = "{}", .versions_json = "{}"}};
  return b;
}

std::string Workload(const std::string& top, const std::string& group = kGroup) { return "format = 1\nname = \"w\"\n" + top + group; }

std::string WhyRefused(Bundle b) {
  Status s = CheckBundle(&b, "b.json");
  if (s.ok()) return "";
  EXPECT_EQ(s.error().code, kExitDatabase);
  EXPECT_TRUE(s.error().message.starts_with("b.json: ")) << s.error().message;
  return s.error().message;
}

#define EXPECT_REFUSED(bundle, what)                                          \
  do {                                                                        \
    const std::string why = WhyRefused(bundle);                               \
    EXPECT_NE(why.find(what), std::string::npos) << "it said: " << why;       \
  } while (0)

TEST(BundleCheckTest, WhatAStrangerIsNotAskedForIsComputed) {
  Bundle b = With(Workload(""));
  ASSERT_TRUE(CheckBundle(&b, "b.json").ok());
  EXPECT_EQ(b.machines[0].cpus, 2);
  EXPECT_EQ(b.workloads[0].signature.size(), kSignatureFeatures.size());
  EXPECT_EQ(b.workloads[0].signature_version, kSignatureVersion);
}

TEST(BundleCheckTest, WorkloadsAndMachinesAreCheckedAsFilesAre) {
  EXPECT_REFUSED(With(Workload("horizn_s = 1\n")), "workload 'w':3: unknown key 'horizn_s'");
  EXPECT_REFUSED(With("\x01"), "workload 'w':1");
  EXPECT_REFUSED(With(Workload("", "[[group]]\nname = \"g\"\nprogram = [ { unlock = \"l\" } ]\n")), "workload 'w':");
  EXPECT_REFUSED(With(Workload(""), "format = 1\ncpus = 2\n"), "machine 'm':2: unknown key 'cpus'");
  EXPECT_REFUSED(With(Workload("", "[[group]]\nname = \"g\"\naffinity = [2]\nprogram = [ { run_ms = 5 } ]\n")), "bound to CPU 2 of 2");
}

TEST(BundleCheckTest, AnotherWorkloadUnderAKnownHash) {
  Bundle b = With(Workload(""));
  b.workloads[0].text = Workload("horizon_s = 1\n");
  EXPECT_REFUSED(b, "its hash is not that of its text");
}

TEST(BundleCheckTest, NoFileIsRead) {
  // Were it opened, the message would say what is wrong with its numbers.
  auto folder = TempDir::Make("bundle-check").value();
  const std::string path = JoinPath(folder.path(), "secret");
  ASSERT_TRUE(WriteFileAtomic(path, "secret").ok());
  for (const std::string key : {"values_file", "quantiles_file", "\"values\\u005ffile\""}) {
    EXPECT_REFUSED(With(Workload("", "[[group]]\nname = \"g\"\nprogram = [ { run_us = { " + key + " = \"" + path + "\" } } ]\n")), "names a file");
    EXPECT_REFUSED(With(Workload(""), MachineText() + "\n[noise]\nrate_per_s = 1\nduration_us = { " + key + " = \"" + path + "\" }\n"), "names a file");
  }
}

TEST(BundleCheckTest, EscapesOfTomlHideNothing) {
  EXPECT_REFUSED(With("format = 1\nname = \"\\u001b[31mw\"\n" + std::string(kGroup)), "its name has control characters");
  EXPECT_REFUSED(With("format = 1\nname = \"../w\"\n" + std::string(kGroup)), "its name has a path separator");
  EXPECT_REFUSED(With(Workload("", "[[group]]\nname = \"\\u202ex\"\nprogram = [ { run_ms = 5 } ]\n")), "the name of a group");
  EXPECT_REFUSED(With(Workload("description = \"\\u009b2J\"\n")), "its description has control characters");
}

TEST(BundleCheckTest, NothingIsThereForNothing) {
  Bundle b = With(Workload(""));
  b.evaluations.clear();
  EXPECT_REFUSED(b, "is used by no evaluation and no claim");
}

}  // namespace
}  // namespace ose
