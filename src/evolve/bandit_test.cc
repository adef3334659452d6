#include "evolve/bandit.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace ose {
namespace {

TEST(Bandit, PlaysEachArmOnceInOrderThenTheBest) {
  Bandit b({.discount = 1, .exploration = 0.1, .cost_power = 0});
  b.AddArm("a");
  b.AddArm("b");
  b.AddArm("c");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(b.Pick(), i);
    b.Record(i, i == 1 ? 1 : 0, 1, false);
  }
  EXPECT_EQ(b.Pick(), 1);
  EXPECT_EQ(b.Pick([](int i) { return i != 1; }), 0);
  EXPECT_EQ(b.Pick([](int) { return false; }), -1);
  EXPECT_EQ(b.Find("c"), 2);
  EXPECT_EQ(b.Find("d"), -1);
}

// Without cost 1/2 + 0.4 sqrt(ln 4 / 2) = 0.833 against 2/2 + the same; with it S = 2 + 8:
// 1/2 + 0.4 sqrt(ln 10 / 2) = 0.929 against 2/8 + 0.4 sqrt(ln 10 / 8) = 0.465.
TEST(Bandit, CostCounts) {
  for (double power : {0.0, 1.0}) {
    Bandit b({.discount = 1, .exploration = 0.4, .cost_power = power});
    int cheap = b.AddArm("cheap"), dear = b.AddArm("dear");
    b.Record(cheap, 1, 1, false);
    b.Record(cheap, 0, 1, false);
    b.Record(dear, 1, 4, false);
    b.Record(dear, 1, 4, false);
    EXPECT_EQ(b.Pick(), power > 0 ? cheap : dear);
  }
}

// What brings nothing is tried for equal costs, not four times as often because it is half as dear.
TEST(Bandit, ArmsThatBringNothingShareTheCost) {
  Bandit b({.discount = 1, .exploration = 0.3, .cost_power = 1});
  b.AddArm("refused", 1);
  b.AddArm("evaluated", 1);
  double spent[2] = {};
  for (int i = 0; i < 600; ++i) {
    const int arm = b.Pick();
    const double cost = arm == 0 ? 0.25 : 1;
    b.Record(arm, 0, cost, false);
    spent[arm] += cost;
  }
  EXPECT_NEAR(spent[0], spent[1], 2);
}

TEST(Bandit, WhatIsInFlightCountsSoThatPicksSpread) {
  Bandit b({.discount = 1, .exploration = 0.3, .cost_power = 0});
  b.AddArm("a");
  b.AddArm("b");
  EXPECT_EQ(b.Pick(), 0);
  b.Start(0);
  EXPECT_EQ(b.Pick(), 1);
  b.Start(1);
  b.Record(0, 0, 1, true);
  b.Drop(1);
  EXPECT_EQ(b.Pick(), 1);
}

// An arm that paid in the beginning and no longer does is left for one that pays now.
TEST(Bandit, FollowsChange) {
  Bandit b({.discount = 0.95, .exploration = 0.1, .cost_power = 1});
  b.AddArm("early");
  b.AddArm("late");
  Rng rng(1);
  int early_first = 0, late_last = 0;
  for (int i = 0; i < 400; ++i) {
    const int arm = b.Pick();
    const double p = (arm == 0) == (i < 200) ? 0.4 : 0.02;
    b.Record(arm, rng.Unit() < p ? 1 : 0, 1, false);
    if (i < 200 && arm == 0) ++early_first;
    if (i >= 300 && arm == 1) ++late_last;
  }
  EXPECT_GT(early_first, 140);
  EXPECT_GT(late_last, 70);
}

}  // namespace
}  // namespace ose
