#include "evolve/archive.h"

#include <gtest/gtest.h>

namespace ose {
namespace {

Member M(int64_t id, double score, int64_t root = 0) {
  Member m;
  m.id = id;
  m.root = root;
  m.source = "s" + std::to_string(id);
  m.behaviour = "b" + std::to_string(id);
  m.score = m.quick_score = score;
  return m;
}

TEST(Archive, KeepsTheBestInOrder) {
  Archive a(3);
  for (auto [id, score] : {std::pair{1, 5.0}, {2, 9.0}, {3, 7.0}, {4, 8.0}}) a.Insert(M(id, score));
  ASSERT_EQ(a.members().size(), 3u);
  EXPECT_EQ(a.best().id, 2);
  EXPECT_EQ(a.members()[1].id, 4);
  EXPECT_EQ(a.members()[2].id, 3);
  EXPECT_FALSE(a.Insert(M(5, 1.0)));
}

TEST(Archive, RefusesKnownBehaviour) {
  Archive a(3);
  EXPECT_TRUE(a.Insert(M(1, 5)));
  Member twin = M(2, 6);
  twin.behaviour = "b1";
  EXPECT_FALSE(a.Insert(twin));
}

TEST(Archive, EqualScoresKeepTheOlderFirst) {
  Archive a(3);
  a.Insert(M(2, 5));
  a.Insert(M(1, 5));
  EXPECT_EQ(a.best().id, 1);
}

TEST(Archive, TheBestOfARootSurvivesAFamilyOfBetterOnes) {
  Archive a(4);  // protects the first of 2 roots
  a.Insert(M(1, 1.0, /*root=*/7));
  for (int i = 2; i < 8; ++i) a.Insert(M(i, 10 + i, /*root=*/3));
  EXPECT_EQ(a.members().size(), 4u);
  EXPECT_EQ(a.members().back().root, 7);
}

TEST(Archive, ParentsAreDrawnByRankAndTire) {
  Archive a(4);
  for (int i = 1; i <= 4; ++i) a.Insert(M(i, 10 - i));
  Rng rng(1);
  int picks[5] = {};
  for (int i = 0; i < 400; ++i) {
    int64_t id = a.PickParent(rng).id;
    a.CountChild(id);
    ++picks[id];
  }
  EXPECT_GT(picks[1], picks[4]);
  EXPECT_GT(picks[4], 20);
}

TEST(Archive, MatesOfTheSameRootComeFirst) {
  Archive a(4);
  a.Insert(M(1, 4, 1));
  a.Insert(M(2, 3, 2));
  a.Insert(M(3, 2, 1));
  Rng rng(1);
  EXPECT_EQ(a.PickMates(a.best(), 1, rng), std::vector<std::string>{"s3"});
  EXPECT_EQ(a.PickMates(a.best(), 5, rng).size(), 2u);
}

}  // namespace
}  // namespace ose
