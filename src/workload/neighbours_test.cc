#include "workload/neighbours.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ose {
namespace {

std::vector<std::string> Names(const std::vector<Neighbour>& neighbours) {
  std::vector<std::string> names;
  for (const Neighbour& n : neighbours) names.push_back(n.name);
  return names;
}

Workload Shipped(const std::string& name) {
  Result<Workload> w = LoadWorkload(std::string(OSE_SOURCE_DIR) + "/workloads/" + name + ".toml");
  EXPECT_TRUE(w.ok()) << (w.ok() ? "" : w.error().message);
  return *w;
}

TEST(Neighbours, OfAClosedLoopAreOtherSizesAndThreads) {
  const Workload w = Shipped("sysbench-cpu-4x2");
  const std::vector<Neighbour> n = Neighbours(w, 2);
  EXPECT_THAT(Names(n), ::testing::ElementsAre("work x0.5", "work x2", "threads x0.5", "threads x2"));
  EXPECT_EQ(n[2].workload.groups[0].count, (w.groups[0].count + 1) / 2);
  EXPECT_EQ(n[3].workload.groups[0].count, 2 * w.groups[0].count);
  EXPECT_DOUBLE_EQ(MeanWork(n[1].workload, n[1].workload.groups[0]), 2 * MeanWork(w, w.groups[0]));
}

TEST(Neighbours, OfAnOpenLoopAreOtherLoads) {
  const Workload w = Shipped("exp-2cpu");
  const double load = OfferedLoad(w, 2);
  for (const Neighbour& n : Neighbours(w, 2)) {
    if (n.name == "load -20%") {
      EXPECT_NEAR(OfferedLoad(n.workload, 2), 0.8 * load, 1e-9);
    }
    EXPECT_LT(OfferedLoad(n.workload, 2), 0.98) << n.name;
  }
  EXPECT_THAT(Names(Neighbours(w, 2)), ::testing::Contains("load -20%"));
}

TEST(Neighbours, ABarrierForAllStaysOne) {
  const Workload w = Shipped("hol-8x2");
  const std::vector<Neighbour> n = Neighbours(w, 2);
  EXPECT_THAT(Names(n), ::testing::ElementsAre("work x0.5", "work x2", "threads x0.5", "threads x2"));
  EXPECT_EQ(w.barriers[0].parties, 8);
  EXPECT_EQ(n[2].workload.barriers[0].parties, 5);
  EXPECT_EQ(n[3].workload.barriers[0].parties, 15);
}

TEST(Neighbours, NoLoadBeyondTheCpus) {
  Workload w = Shipped("exp-2cpu");
  ScaleArrivals(w, 0.95 / OfferedLoad(w, 2));
  EXPECT_THAT(Names(Neighbours(w, 2)), ::testing::Not(::testing::Contains("load +10%")));
}

}  // namespace
}  // namespace ose
