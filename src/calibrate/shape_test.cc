#include "calibrate/shape.h"

#include <gtest/gtest.h>

#include "base/file.h"

namespace ose {
namespace {

// A sysfs as small as it may be.
class Sysfs {
 public:
  Sysfs() : dir_(TempDir::Make("sysfs")) {}
  const std::string& root() const { return dir_->path(); }
  void Put(const std::string& path, const std::string& text) const {
    ASSERT_TRUE(MakeDirs(Dirname(root() + path)).ok());
    ASSERT_TRUE(WriteFileAtomic(root() + path, text + "\n").ok());
  }
  void Cpus(const std::string& list) const {
    Put("/cpu/possible", list);
    Put("/cpu/online", list);
  }
  void Siblings(int cpu, const std::string& list) const { Put(Cpu(cpu) + "/topology/thread_siblings_list", list); }
  void Cache(int cpu, int level, const std::string& type, const std::string& size, const std::string& shared) const {
    const std::string index = Cpu(cpu) + "/cache/index" + std::to_string(level == 1 && type == "Instruction" ? 1 : level == 1 ? 0 : level);
    Put(index + "/level", std::to_string(level));
    Put(index + "/type", type);
    Put(index + "/size", size);
    Put(index + "/shared_cpu_list", shared);
  }
  static std::string Cpu(int cpu) { return "/cpu/cpu" + std::to_string(cpu); }

 private:
  Result<TempDir> dir_;
};

// 4 cores with 2 threads each and 2 caches, siblings far apart as Linux numbers them on desktops.
TEST(MachineShape, DesktopWithSmtAndTwoCaches) {
  const Sysfs fs;
  fs.Cpus("0-7");
  for (int cpu = 0; cpu < 8; ++cpu) {
    const std::string core = std::to_string(cpu % 4) + "," + std::to_string(cpu % 4 + 4);
    fs.Siblings(cpu, core);
    fs.Cache(cpu, 1, "Data", "32K", core);
    fs.Cache(cpu, 1, "Instruction", "64K", core);
    fs.Cache(cpu, 2, "Unified", "512K", core);
    fs.Cache(cpu, 3, "Unified", "32768K", cpu % 4 < 2 ? "0-1,4-5" : "2-3,6-7");
  }
  fs.Put("/node/possible", "0");
  fs.Put("/node/node0/cpulist", "0-7");
  const Topology t = ReadTopology(fs.root());
  EXPECT_EQ(t.l1_kb, 32);
  EXPECT_EQ(t.l2_kb, 512);
  EXPECT_EQ(t.llc_kb, 32768);
  const Shape s = MachineShape(t);
  EXPECT_EQ(s.cpus, 8);
  EXPECT_EQ(s.smt, 2);
  EXPECT_EQ(s.cpus_per_llc, 4);
  EXPECT_EQ(s.cpus_per_node, 0);
  ASSERT_EQ(s.notes.size(), 1u);
  EXPECT_NE(s.notes[0].find("siblings"), std::string::npos);

  const auto pair = [&](Distance d, const std::vector<int>& usable) { return PairAt(t, usable, d); };
  const std::vector<int> all = {0, 1, 2, 3, 4, 5, 6, 7};
  EXPECT_EQ(pair(Distance::kSibling, all)->b, 4);
  EXPECT_EQ(pair(Distance::kCache, all)->b, 1);
  EXPECT_EQ(pair(Distance::kNode, all)->b, 2);
  EXPECT_FALSE(pair(Distance::kFar, all));
  EXPECT_FALSE(pair(Distance::kCache, {0, 2, 4}));
  EXPECT_FALSE(pair(Distance::kSibling, {0}));
}

TEST(MachineShape, TwoSockets) {
  const Sysfs fs;
  fs.Cpus("0-7");
  for (int cpu = 0; cpu < 8; ++cpu) {
    fs.Siblings(cpu, std::to_string(cpu / 2 * 2) + "-" + std::to_string(cpu / 2 * 2 + 1));
    fs.Cache(cpu, 2, "Unified", "1024K", std::to_string(cpu / 2 * 2) + "-" + std::to_string(cpu / 2 * 2 + 1));
    fs.Cache(cpu, 3, "Unified", "16384K", cpu < 4 ? "0-3" : "4-7");
  }
  fs.Put("/node/possible", "0-1");
  fs.Put("/node/node0/cpulist", "0-3");
  fs.Put("/node/node1/cpulist", "4-7");
  const Topology t = ReadTopology(fs.root());
  const Shape s = MachineShape(t);
  EXPECT_EQ(s.smt, 2);
  EXPECT_EQ(s.cpus_per_llc, 4);
  EXPECT_EQ(s.cpus_per_node, 4);
  EXPECT_TRUE(s.notes.empty());
  EXPECT_FALSE(PairAt(t, t.online, Distance::kNode));
  EXPECT_EQ(PairAt(t, t.online, Distance::kFar)->b, 4);
}

TEST(MachineShape, VirtualMachineWithoutCachesAndWithCpusThatMayComeLater) {
  const Sysfs fs;
  fs.Put("/cpu/possible", "0-31");
  fs.Put("/cpu/online", "0-2");
  const Topology t = ReadTopology(fs.root());
  EXPECT_EQ(t.l2_kb, 0);
  const Shape s = MachineShape(t);
  EXPECT_EQ(s.cpus, 3);
  EXPECT_EQ(s.smt, 1);
  EXPECT_EQ(s.cpus_per_llc, 0);
  EXPECT_EQ(s.cpus_per_node, 0);
  EXPECT_TRUE(s.notes.empty());
  EXPECT_TRUE(PairAt(t, t.online, Distance::kCache));
}

// Performance cores with two threads and efficiency cores with one; a cache each.
TEST(MachineShape, WhatAProfileCannotTellIsANote) {
  const Sysfs fs;
  fs.Cpus("0-4");
  for (int cpu = 0; cpu < 2; ++cpu) fs.Siblings(cpu, "0-1");
  for (int cpu = 2; cpu < 5; ++cpu) fs.Siblings(cpu, std::to_string(cpu));
  for (int cpu = 0; cpu < 5; ++cpu) fs.Cache(cpu, 2, "Unified", "2048K", cpu < 2 ? "0-1" : "2-4");
  const Shape s = MachineShape(ReadTopology(fs.root()));
  EXPECT_EQ(s.smt, 2);
  EXPECT_EQ(s.cpus, 4);
  EXPECT_EQ(s.cpus_per_llc % 2, 0);
  EXPECT_EQ(s.notes.size(), 3u);
}

}  // namespace
}  // namespace ose
