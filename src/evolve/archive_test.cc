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

TEST(Archive, OfRelativesWithTheSameSchedulesTheShortestStays) {
  Archive a(8);
  auto with = [](Member m, std::string source) {
    m.seed_scores = {4, 6};
    m.source = std::move(source);
    return m;
  };
  EXPECT_TRUE(a.Insert(with(M(1, 5), "four")));
  a.CountChild(1);
  EXPECT_FALSE(a.Insert(with(M(2, 5), "longer")));
  EXPECT_TRUE(a.Insert(with(M(3, 5), "six")));
  ASSERT_EQ(a.members().size(), 1u);
  EXPECT_EQ(a.best().id, 3);
  EXPECT_EQ(a.best().children, 1);
  // Of another root, or on other seeds, it is another one.
  EXPECT_TRUE(a.Insert(with(M(4, 5, /*root=*/9), "stranger")));
  Member other = with(M(5, 5), "other seeds");
  other.seed_scores = {6, 4};
  EXPECT_TRUE(a.Insert(other));
  EXPECT_EQ(a.RankOf(5), 3);
  EXPECT_EQ(a.RankOf(6), 0);
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

TEST(Archive, TheBestOfANicheSurvivesAFamilyOfBetterOnes) {
  Archive a(4);
  Member odd = M(1, 1.0);
  odd.niche = {5, 0, 0};
  a.Insert(odd);
  for (int i = 2; i < 8; ++i) a.Insert(M(i, 10 + i));
  EXPECT_EQ(a.members().size(), 4u);
  EXPECT_EQ(a.members().back().id, 1);
  // A better one of its niche takes its place.
  odd.id = 9;
  odd.behaviour = "b9";
  odd.score = 2;
  EXPECT_TRUE(a.Insert(odd));
  EXPECT_EQ(a.members().back().id, 9);
  EXPECT_FALSE(a.Find(1));
}

TEST(Archive, ElitesHaveHalfOfThePlaces) {
  Archive a(4);
  for (int i = 0; i < 6; ++i) {
    Member m = M(i, 10 - i, i);
    m.niche = {i, 0, 0};
    a.Insert(m);
  }
  EXPECT_EQ(a.members().size(), 4u);
  EXPECT_EQ(a.members().back().id, 3);
}

TEST(Archive, ASecondLookMovesAMember) {
  Archive a(4);
  for (int i = 1; i <= 3; ++i) a.Insert(M(i, 10 - i));
  a.Rescore(1, 7.5);
  EXPECT_EQ(a.best().id, 2);
  EXPECT_EQ(a.members()[1].id, 1);
  EXPECT_TRUE(a.members()[1].rechecked);
  a.Rescore(77, 100);  // not here
  EXPECT_EQ(a.best().id, 2);
}

TEST(Archive, HalfOfTheMatesAreKinAndAllDiffer) {
  Archive a(8);
  a.Insert(M(1, 9, 1));
  for (int i = 2; i <= 4; ++i) a.Insert(M(i, 9 - i, 1));   // kin
  for (int i = 5; i <= 7; ++i) a.Insert(M(i, 9 - i, i));   // others
  Member odd = M(8, 1, 1);                                 // kin of another niche
  odd.niche = {3, 3, 3};
  a.Insert(odd);
  for (uint64_t seed = 1; seed < 20; ++seed) {
    Rng rng(seed);
    std::vector<const Member*> mates = a.PickMates(a.best(), 4, rng);
    ASSERT_EQ(mates.size(), 4u);
    EXPECT_EQ(mates[0]->id, 8);  // what differs most comes first
    int kin = 0;
    for (const Member* m : mates) kin += m->root == 1;
    EXPECT_EQ(kin, 2);
  }
  Rng rng(1);
  EXPECT_EQ(a.PickMates(a.best(), 50, rng).size(), 7u);
}

}  // namespace
}  // namespace ose
