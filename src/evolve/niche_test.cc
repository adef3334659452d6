#include "evolve/niche.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace ose {
namespace {

SeedResult S(Metrics metrics) { return {1, std::move(metrics), 0}; }

TEST(Niche, BinsAreFactorsOfFour) {
  const Niche n = NicheOf({S({{"switches_per_s", 15}, {"migrations_per_s", 0}, {"latency_p99", 16}}),
                           S({{"switches_per_s", 16}, {"migrations_per_s", 0}, {"latency_p99", 64}})});
  EXPECT_EQ(n[0], 1);     // 15.5: 4 to 16
  EXPECT_EQ(n[1], -100);  // none
  EXPECT_EQ(n[2], 2);     // 40: 16 to 64
}

TEST(Niche, TheTailIsThatOfTheFirstMetricThereIs) {
  EXPECT_EQ(NicheOf({S({{"wakeup_p99", 1}, {"start_p95", 5}})})[2], 1);
  EXPECT_EQ(NicheOf({S({{"wakeup_p99", 1}})})[2], 0);
  EXPECT_EQ(NicheOf({S({})})[2], -200);
}

TEST(Niche, DistanceIsBounded) {
  EXPECT_EQ(NicheDistance({1, 2, 3}, {2, 2, 1}), 3);
  EXPECT_EQ(NicheDistance({1, -200, 3}, {1, 5, 3}), kFarthest);
}

TEST(LogObjectives, LessIsBetter) {
  const std::vector<Objective> o = {{"throughput", Direction::kMaximize, 1}, {"latency_p99", Direction::kMinimize, 1}};
  EXPECT_THAT(LogObjectives(o, {S({{"throughput", 10}, {"latency_p99", 3}}), S({{"throughput", 30}, {"latency_p99", 5}})}),
              ::testing::ElementsAre(-std::log(20.0), std::log(4.0)));
  EXPECT_TRUE(LogObjectives(o, {S({{"throughput", 10}})}).empty());
  EXPECT_TRUE(LogObjectives(o, {S({{"throughput", 10}, {"latency_p99", 0}})}).empty());
  EXPECT_TRUE(LogObjectives(o, {}).empty());
}

}  // namespace
}  // namespace ose
