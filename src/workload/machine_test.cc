#include "workload/machine.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "core/exit_code.h"
#include "workload/workload.h"

namespace ose {
namespace {

std::string ErrorOf(const std::string& text) {
  auto m = ParseMachine(text, "m.toml");
  if (m.ok()) return "no error";
  EXPECT_EQ(m.error().code, kExitBadMachine);
  return m.error().message;
}

// Lines 1 to 3; `rest` follows from line 4 on.
std::string With(const std::string& rest) { return "format = 1\n[topology]\ncpus = 4\n" + rest + "\n"; }

TEST(ParseMachine, DefaultsAndUnits) {
  auto m = ParseMachine(With("[kernel]\ntick_us = 250\n[cost]\nhook_ns = 7\nrefill_ns_per_kb_far = 1.5"),
                        "m.toml");
  ASSERT_TRUE(m.ok()) << m.error().message;
  Machine want;
  want.name = "m";
  want.cpus = 4;
  want.tick = Nanos::Micros(250);
  want.hook = {7};
  want.refill_ns_per_kb_far = 1.5;
  EXPECT_EQ(*m, want);
}

TEST(ParseMachine, Errors) {
  EXPECT_EQ(ErrorOf("format = 1\n"), "m.toml:1: key 'topology' is missing; add it, see docs/machines.md");
  EXPECT_EQ(ErrorOf("format = 1\n[topology]\n"),
            "m.toml:2: key 'cpus' is missing in [topology]; add it, see docs/machines.md");
  EXPECT_EQ(ErrorOf("format = 9\n"),
            "m.toml:1: the file has format 9, this OS-Evolve reads formats up to 1; use a newer OS-Evolve");
  EXPECT_EQ(ErrorOf("name = \"\"\n" + With("")), "m.toml:1: 'name' is empty; give the machine a name");
  EXPECT_EQ(ErrorOf(With("smt = 3")), "m.toml:4: 'smt' is 3; give 1 to 2");
  EXPECT_EQ(ErrorOf("format = 1\n[topology]\ncpus = 5\nsmt = 2\n"),
            "m.toml:4: 5 CPUs are not whole cores of 2 hardware threads; correct 'cpus' or 'smt'");
  EXPECT_EQ(ErrorOf(With("smt = 2\ncpus_per_llc = 3")),
            "m.toml:5: 'cpus_per_llc' is 3, which splits a core of 2 hardware threads; give a multiple");
  EXPECT_EQ(ErrorOf(With("cpus_per_llc = 2\ncpus_per_node = 3")),
            "m.toml:5: 'cpus_per_node' is 3, which splits a cache or core of 2 CPUs; give a multiple");
  EXPECT_EQ(ErrorOf(With("cpus_per_node = 2")),
            "m.toml:4: nodes that share one last-level cache; give 'cpus_per_llc' too");
  EXPECT_EQ(ErrorOf(With("[kernel]\ntick_ms = 0")),
            "m.toml:4: without a tick, 'min_slice' must be above 0; give the shortest timer, like "
            "min_slice_us = 1");
  EXPECT_EQ(ErrorOf(With("[kernel]\nwatchdog_s = 31")),
            "m.toml:5: 'watchdog' is 31000000000 ns; give 1000000 to 30000000000 ns");
  EXPECT_EQ(ErrorOf(With("[cost]\ncontext_swich_ns = 3")),
            "m.toml:5: unknown key 'context_swich_ns' in [cost]; did you mean 'context_switch_ns'?");
  EXPECT_EQ(ErrorOf(With("[cost]\nwakeup = 3")),
            "m.toml:5: unknown key 'wakeup' in [cost]; it needs a unit: wakeup_ns, wakeup_us, wakeup_ms or "
            "wakeup_s");
  EXPECT_EQ(ErrorOf(With("[cost]\nipi_ns = -1")), "m.toml:5: 'ipi' is -1; give 0 to 1e+18");
  EXPECT_EQ(ErrorOf(With("[cost]\nipi_s = 2")), "m.toml:5: 'ipi' is 2000000000 ns; give 0 to 1000000000 ns");
  EXPECT_EQ(ErrorOf(With("[cost]\nrefill_ns_per_kb_llc = nan")),
            "m.toml:5: 'refill_ns_per_kb_llc' is nan; give 0 to 1000000");
}

TEST(FormatMachine, RoundTripsTheShippedOnes) {
  const std::string dir = std::string(OSE_SOURCE_DIR) + "/machines";
  auto files = ListFiles(dir, ".toml");
  ASSERT_TRUE(files.ok());
  EXPECT_GE(files->size(), 5u);
  for (const std::string& file : *files) {
    auto m = LoadMachine(JoinPath(dir, file));
    ASSERT_TRUE(m.ok()) << m.error().message;
    EXPECT_EQ(m->name, Stem(file));
    auto again = ParseMachine(FormatMachine(*m), "again.toml");
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(*again, *m);
  }
}

TEST(MachineFor, TakesTheWorkloadsCpusAndChecksAffinity) {
  Machine profile;
  profile.name = "small";
  profile.cpus = 4;
  Workload w;
  w.name = "w";
  w.groups.push_back({.name = "g", .affinity = {4}});
  auto m = MachineFor(w, profile);
  ASSERT_FALSE(m.ok());
  EXPECT_EQ(m.error().code, kExitBadWorkload);
  EXPECT_EQ(
      m.error().message,
      "workload 'w': group 'g' may run on CPU 4, but machine 'small' has CPUs 0 to 3; correct 'affinity' or "
      "name a larger machine");
  w.cpus = 8;
  m = MachineFor(w, profile);
  ASSERT_TRUE(m.ok());
  EXPECT_EQ(m->cpus, 8);
}

}  // namespace
}  // namespace ose
