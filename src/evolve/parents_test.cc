#include "evolve/parents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ose {
namespace {

using ::testing::ElementsAre;

// Five members, best first; the third has had three children.
std::vector<Member> Five() {
  std::vector<Member> members(5);
  for (size_t i = 0; i < 5; ++i) {
    members[i].id = static_cast<int64_t>(i);
    members[i].score = 10.0 - static_cast<double>(i);
  }
  members[2].children = 3;
  return members;
}

std::vector<int> Picks(ParentRule rule, const std::vector<Member>& members, int n) {
  Rng rng(3);
  std::vector<int> picks(members.size());
  for (int i = 0; i < n; ++i) ++picks[static_cast<size_t>(PickParent(rule, members, rng).id)];
  return picks;
}

TEST(Parents, PowerLawGoesByRankAndTires) {
  EXPECT_THAT(ParentWeights(ParentRule::kPowerLaw, Five()), ElementsAre(1.0, 0.5, 1.0 / 3 / 4, 0.25, 0.2));
}

TEST(Parents, WeightedIsASigmoidAroundTheMedian) {
  // Median 8, median deviation 1: distances 2, 1, 0, -1, -2.
  const std::vector<double> w = ParentWeights(ParentRule::kWeighted, Five());
  EXPECT_NEAR(w[0], 1 / (1 + std::exp(-20.0)), 1e-12);
  EXPECT_NEAR(w[1], 1 / (1 + std::exp(-10.0)), 1e-12);
  EXPECT_DOUBLE_EQ(w[2], 0.5 / 4);
  EXPECT_NEAR(w[4], std::exp(-20.0), 1e-10);
}

TEST(Parents, WeightedDoesNotDependOnTheScale) {
  std::vector<Member> scaled = Five();
  for (Member& m : scaled) m.score = 1000 * m.score + 7;
  const std::vector<double> a = ParentWeights(ParentRule::kWeighted, Five()), b = ParentWeights(ParentRule::kWeighted, scaled);
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-9);
}

TEST(Parents, EqualScoresHaveEqualChances) {
  std::vector<Member> members = Five();
  for (Member& m : members) m.score = 1, m.children = 0;
  for (double w : ParentWeights(ParentRule::kWeighted, members)) EXPECT_DOUBLE_EQ(w, 0.5);
}

TEST(Parents, BeamKnowsTheBestFourOnly) {
  EXPECT_THAT(ParentWeights(ParentRule::kBeam, Five()), ElementsAre(1, 1, 1, 1, 0));
  EXPECT_EQ(Picks(ParentRule::kBeam, Five(), 200)[4], 0);
}

TEST(Parents, TheLeaderHasTheFewestStepsAmongThoseThatAreAsGood) {
  std::vector<Member> members = Five();
  const double scores[] = {10.05, 10.02, 10.0, 9.9, 9.0};
  const int depths[] = {7, 5, 3, 1, 0};
  for (size_t i = 0; i < 5; ++i) members[i].score = scores[i], members[i].depth = depths[i];
  EXPECT_EQ(Leader(members).id, 2);  // the fourth is worse by more than 1 %
  members[1].depth = 3;
  EXPECT_EQ(Leader(members).id, 1);  // the better of two with as many
  for (Member& m : members) m.score = 0;
  EXPECT_EQ(Leader(members).id, 4);
}

TEST(Parents, NoveltyLikesTheOddOne) {
  std::vector<Member> members = Five();
  members[2].children = 0;
  members[4].niche = {3, 0, 0};
  // Four at distance 3 from the odd one and 0 from each other.
  EXPECT_THAT(ParentWeights(ParentRule::kNovelty, members), ElementsAre(3.5, 3.5, 3.5, 3.5, 12.5));
}

TEST(Parents, NicheIsOneElitePerNiche) {
  std::vector<Member> members = Five();
  members[1].niche = members[3].niche = {1, 0, 0};
  EXPECT_THAT(ParentWeights(ParentRule::kNiche, members), ElementsAre(1, 1, 0, 0, 0));
}

TEST(Parents, ATournamentIsTheBestOfThree) {
  // P(best of 3 draws from 5 is the first) = 1 - (4/5)^3 = 0.488; the last: (1/5)^3 = 0.008.
  const std::vector<int> picks = Picks(ParentRule::kTournament, Five(), 20'000);
  EXPECT_NEAR(picks[0] / 20'000.0, 0.488, 0.015);
  EXPECT_NEAR(picks[4] / 20'000.0, 0.008, 0.003);
}

TEST(Parents, EveryRuleReachesOnlyMembers) {
  const std::vector<Member> one(1);
  Rng rng(1);
  for (std::string_view name : ParentRuleNames()) {
    Result<ParentRule> rule = ParseParentRule(name);
    ASSERT_TRUE(rule.ok());
    EXPECT_EQ(&PickParent(*rule, one, rng), one.data()) << name;
  }
  for (int n : Picks(ParentRule::kMixed, Five(), 2000)) EXPECT_GT(n, 0);
}

TEST(Parents, AnUnknownRuleGetsASuggestion) {
  Result<ParentRule> r = ParseParentRule("turnament");
  ASSERT_FALSE(r.ok());
  EXPECT_THAT(r.error().message, ::testing::HasSubstr("tournament"));
}

}  // namespace
}  // namespace ose
