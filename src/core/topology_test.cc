#include "core/topology.h"

#include <gtest/gtest.h>

#include "base/file.h"

namespace ose {
namespace {

TEST(ParseCpuList, RangesAndSingles) {
  EXPECT_EQ(ParseCpuList("0-3,8\n"), (std::vector<int>{0, 1, 2, 3, 8}));
  EXPECT_EQ(ParseCpuList("5"), std::vector<int>{5});
  EXPECT_TRUE(ParseCpuList("").empty());
  EXPECT_TRUE(ParseCpuList("none").empty());
  EXPECT_EQ(ParseCpuList("1,x"), std::vector<int>{1});
}

TEST(ReadTopology, OfACopiedSysfs) {
  auto dir = TempDir::Make("sysfs");
  ASSERT_TRUE(dir.ok());
  const std::string root = dir->path();
  auto put = [&](const std::string& path, const std::string& text) {
    ASSERT_TRUE(MakeDirs(Dirname(root + path)).ok());
    ASSERT_TRUE(WriteFileAtomic(root + path, text).ok());
  };
  put("/cpu/possible", "0-3\n");
  for (int c = 0; c < 4; ++c) {
    const std::string cpu = "/cpu/cpu" + std::to_string(c);
    put(cpu + "/topology/thread_siblings_list", c % 2 ? "1,3\n" : "0,2\n");
    put(cpu + "/cache/index0/level", "1\n");
    put(cpu + "/cache/index0/type", "Data\n");
    put(cpu + "/cache/index0/shared_cpu_list", std::to_string(c) + "\n");
    put(cpu + "/cache/index1/level", "3\n");
    put(cpu + "/cache/index1/type", "Unified\n");
    put(cpu + "/cache/index1/shared_cpu_list", c < 2 ? "0-1\n" : "2-3\n");
  }
  put("/node/possible", "0-1\n");
  put("/node/node0/cpulist", "0-2\n");
  put("/node/node1/cpulist", "3\n");
  const Topology t = ReadTopology(root);
  ASSERT_EQ(t.cpus.size(), 4u);
  EXPECT_EQ(t.cpus[0].sibling, 2);
  EXPECT_EQ(t.cpus[3].sibling, 1);
  EXPECT_EQ(t.cpus[1].llc, 0);
  EXPECT_EQ(t.cpus[3].llc, 2);
  EXPECT_EQ(t.cpus[2].node, 0);
  EXPECT_EQ(t.cpus[3].node, 1);
}

TEST(ReadTopology, NothingThereIsOnePlainCpu) {
  const Topology t = ReadTopology("/nonexistent");
  ASSERT_EQ(t.cpus.size(), 1u);
  EXPECT_EQ(t.cpus[0].sibling, 0);
}

}  // namespace
}  // namespace ose
