#include "evolve/population.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ose {
namespace {

Member M(int64_t id, double score, int niche = 0) {
  Member m;
  m.id = m.root = id;
  m.source = "s" + std::to_string(id);
  m.behaviour = "b" + std::to_string(id);
  m.score = m.quick_score = score;
  m.niche = {niche, 0, 0};
  m.objectives = {-score};
  return m;
}

std::vector<int64_t> Ids(const Archive& a) {
  std::vector<int64_t> ids;
  for (const Member& m : a.members()) ids.push_back(m.id);
  return ids;
}

PopulationOptions Small(int islands) {
  PopulationOptions o;
  o.islands = islands;
  o.migration_interval = 10;
  o.restart_after = 0;
  return o;
}

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Each island with one member of its own.
Population Three(PopulationOptions o) {
  Population p(o);
  for (int i = 0; i < 3; ++i) {
    Member m = M(i + 1, i + 1);
    p.Insert(i, &m);
  }
  return p;
}

TEST(Population, SeedsAreOnAllIslands) {
  Population p(Small(2));
  p.InsertSeed(M(1, 5));
  for (const Archive& a : p.islands()) EXPECT_THAT(Ids(a), ElementsAre(1));
}

TEST(Population, ARingCopiesTheBestToTheNext) {
  Population p = Three(Small(3));
  EXPECT_THAT(p.Step(9), IsEmpty());
  const auto events = p.Step(10);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, "migration");
  EXPECT_THAT(Ids(p.islands()[0]), ElementsAre(3, 1));
  EXPECT_THAT(Ids(p.islands()[1]), ElementsAre(2, 1));
  EXPECT_THAT(Ids(p.islands()[2]), ElementsAre(3, 2));
}

TEST(Population, AllToAllReachesAll) {
  PopulationOptions o = Small(3);
  o.topology = MigrationTopology::kFull;
  Population p = Three(o);
  p.Step(10);
  for (const Archive& a : p.islands()) EXPECT_THAT(Ids(a), ElementsAre(3, 2, 1));
}

TEST(Population, ARandomMigrantNeverStaysAtHome) {
  PopulationOptions o = Small(3);
  o.topology = MigrationTopology::kRandom;
  for (uint64_t seed = 1; seed < 20; ++seed) {
    o.seed = seed;
    Population p = Three(o);
    p.Step(10);
    size_t members = 0;
    for (const Archive& a : p.islands()) members += a.members().size();
    EXPECT_EQ(members, 6u);  // three moves, no twins
  }
}

TEST(Population, ACopyHasNoChildrenYet) {
  Population p = Three(Small(3));
  p.CountChild(2, 3);
  p.Step(10);
  EXPECT_EQ(p.islands()[0].best().children, 0);
  EXPECT_EQ(p.islands()[2].best().children, 1);
}

TEST(Population, AnIslandThatStagnatesStartsFromTheElitesOfOthers) {
  PopulationOptions o = Small(2);
  o.migration_interval = 0;
  o.restart_after = 3;
  Population p(o);
  Member leader = M(1, 10), elite = M(2, 8, 1), weaker = M(3, 7, 1), old = M(4, 5);
  p.Insert(0, &leader);
  p.Insert(0, &elite);
  p.Insert(0, &weaker);
  p.Insert(1, &old);
  for (int i = 0; i < 2; ++i) p.Insert(1, nullptr);
  EXPECT_THAT(p.Step(6), IsEmpty());
  p.Insert(1, nullptr);
  const auto events = p.Step(7);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].json, R"({"after":7,"island":1})");
  // The best of each niche, the leader excepted.
  EXPECT_THAT(Ids(p.islands()[1]), ::testing::UnorderedElementsAre(2, 4));
  EXPECT_THAT(Ids(p.islands()[0]), ElementsAre(1, 2, 3));
}

TEST(Population, TheIslandInTheLeadGoesOn) {
  PopulationOptions o = Small(2);
  o.migration_interval = 0;
  o.restart_after = 2;
  Population p(o);
  Member leader = M(1, 10), other = M(2, 5);
  p.Insert(0, &leader);
  p.Insert(1, &other);
  for (int i = 0; i < 5; ++i) p.Insert(0, nullptr);
  EXPECT_THAT(p.Step(5), IsEmpty());
}

TEST(Population, LuckIsNoMarkToBeat) {
  PopulationOptions o = Small(2);
  o.migration_interval = 0;
  o.restart_after = 2;
  Population p(o);
  Member leader = M(1, 10), lucky = M(2, 9);
  p.Insert(0, &leader);
  p.Insert(1, &lucky);
  p.Rescore(2, 3);
  p.Insert(1, nullptr);
  Member honest = M(3, 4);
  p.Insert(1, &honest);  // above what the lucky one is worth: progress
  p.Insert(1, nullptr);
  EXPECT_THAT(p.Step(5), IsEmpty());
}

}  // namespace
}  // namespace ose
