#include "evolve/reward.h"

#include <gtest/gtest.h>

namespace ose {
namespace {

TEST(Reward, ANewBestHasTheDoublingsThatItBrings) {
  EXPECT_DOUBLE_EQ(RewardOf(20, 10, true), 1);
  EXPECT_DOUBLE_EQ(RewardOf(140, 10, true), 1);
  EXPECT_NEAR(RewardOf(10.1, 10, true), 0.01435, 1e-5);
  EXPECT_DOUBLE_EQ(RewardOf(5, 0, false), 1);
}

TEST(Reward, OthersHaveLittleOrNothing) {
  EXPECT_DOUBLE_EQ(RewardOf(10, 10, true), kGoodReward);
  EXPECT_DOUBLE_EQ(RewardOf(9, 10, false), 0);
  EXPECT_DOUBLE_EQ(RewardOf(0, 0, false), 0);
}

TEST(Reward, CostIsByHowFarItCame) {
  Evaluation e;
  e.outcome = Outcome::kGate;
  EXPECT_DOUBLE_EQ(CostOf(e, false, false), 0.2);
  e.outcome = Outcome::kCompile;
  EXPECT_DOUBLE_EQ(CostOf(e, false, false), 0.4);
  e.outcome = Outcome::kOk;
  EXPECT_DOUBLE_EQ(CostOf(e, true, true), 0.5);
  EXPECT_DOUBLE_EQ(CostOf(e, false, false), 0.7);
  EXPECT_DOUBLE_EQ(CostOf(e, true, false), 1);
}

}  // namespace
}  // namespace ose
