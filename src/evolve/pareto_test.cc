#include "evolve/pareto.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ose {
namespace {

using ::testing::ElementsAre;

ParetoEntry E(int64_t id, std::vector<double> objectives) { return {id, "s" + std::to_string(id), 0, std::move(objectives)}; }

std::vector<int64_t> Ids(const ParetoFront& f) {
  std::vector<int64_t> ids;
  for (const ParetoEntry& e : f.entries()) ids.push_back(e.id);
  return ids;
}

TEST(ParetoFront, KeepsWhatNothingDominates) {
  ParetoFront f(10);
  EXPECT_TRUE(f.Insert(E(1, {1, 4})));
  EXPECT_TRUE(f.Insert(E(2, {2, 2})));
  EXPECT_FALSE(f.Insert(E(3, {2, 3})));  // worse than 2
  EXPECT_FALSE(f.Insert(E(4, {2, 2})));  // equal to 2
  EXPECT_TRUE(f.Insert(E(5, {0, 3})));   // better than 1
  EXPECT_THAT(Ids(f), ElementsAre(2, 5));
}

TEST(ParetoFront, AFullFrontLosesTheMostCrowded) {
  ParetoFront f(4);
  for (int i = 0; i < 4; ++i) f.Insert(E(i, {static_cast<double>(i * 10), static_cast<double>(30 - i * 10)}));
  // Between 10 and 20, close to 10: itself and its neighbours are crowded, the ends never go.
  f.Insert(E(9, {11, 19}));
  EXPECT_EQ(f.entries().size(), 4u);
  EXPECT_EQ(f.entries().front().id, 0);
  EXPECT_TRUE(std::any_of(f.entries().begin(), f.entries().end(), [](auto& e) { return e.id == 3; }));
}

TEST(ParetoFront, OneObjectiveHasAFrontOfOne) {
  ParetoFront f(4);
  EXPECT_TRUE(f.Insert(E(1, {3})));
  EXPECT_FALSE(f.Insert(E(2, {4})));
  EXPECT_TRUE(f.Insert(E(3, {2})));
  EXPECT_THAT(Ids(f), ElementsAre(3));
}

TEST(ParetoFront, WithoutObjectivesThereIsNoPlace) {
  ParetoFront f(4);
  EXPECT_FALSE(f.Insert(E(1, {})));
}

}  // namespace
}  // namespace ose
