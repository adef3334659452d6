#include "prove/race.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "evolve/testing.h"

namespace ose {
namespace {

using ::testing::ElementsAre;

// "quality:NOISE": a score with noise of its own and some that all share.
double Noisy(const std::string& source, uint64_t seed) {
  const size_t colon = source.find(':');
  const double quality = std::stod(source), noise = std::stod(source.substr(colon + 1));
  Rng own = Rng::Stream(seed, std::hash<std::string>()(source)), shared = Rng::Stream(seed, 1);
  return quality * (1 + 0.3 * (shared.Unit() - 0.5)) * (1 + noise * (own.Unit() - 0.5));
}

RaceOptions Seeds(int n, int block = 8) {
  RaceOptions o;
  for (int i = 0; i < n; ++i) o.seeds.push_back(static_cast<uint64_t>(i + 1));
  o.block = block;
  return o;
}

TEST(Race, TheClearlyWorseLeaveAfterTheFirstBlock) {
  FakeEvaluator evaluator(Noisy);
  Result<RaceResult> r = Race(Seeds(64), {{"a", "10:0.01"}, {"b", "20:0.01"}, {"c", "5:0.01"}}, evaluator);
  ASSERT_TRUE(r.ok());
  EXPECT_EQ(r->order[0], 1u);
  EXPECT_EQ(r->evaluations[1].seeds.size(), 64u);
  EXPECT_EQ(r->evaluations[0].seeds.size(), 8u);
  EXPECT_EQ(r->evaluations[2].seeds.size(), 8u);
  EXPECT_EQ(r->seeds_run, 64 + 8 + 8);
}

TEST(Race, EqualsRunAllSeeds) {
  FakeEvaluator evaluator(Noisy);
  Result<RaceResult> r = Race(Seeds(32), {{"a", "10:0"}, {"b", "10.0:0"}}, evaluator);
  ASSERT_TRUE(r.ok());
  EXPECT_THAT(r->order, ElementsAre(0, 1));  // the first among equals
  EXPECT_EQ(r->evaluations[1].seeds.size(), 32u);
}

TEST(Race, NoiseNeedsMoreSeedsThanTheFirstBlock) {
  FakeEvaluator evaluator(Noisy);
  Result<RaceResult> r = Race(Seeds(256), {{"a", "10:1"}, {"b", "11:1"}}, evaluator);
  ASSERT_TRUE(r.ok());
  EXPECT_THAT(r->order, ElementsAre(1, 0));
  EXPECT_GT(r->evaluations[0].seeds.size(), 8u);
}

TEST(Race, TheBestIsSeldomLost) {
  // 200 races of ten nearly equal ones; 95%: the truly best one survives to the end.
  int lost = 0;
  for (uint64_t n = 0; n < 200; ++n) {
    FakeEvaluator evaluator([n](const std::string& s, uint64_t seed) { return Noisy(s, seed + 1000 * n); });
    std::vector<RaceEntry> entries;
    for (int i = 0; i < 10; ++i) entries.push_back({"p", std::to_string(100 + 0.1 * i) + ":0.4"});
    Result<RaceResult> r = Race(Seeds(32, 4), entries, evaluator);
    ASSERT_TRUE(r.ok());
    lost += r->evaluations[9].seeds.size() < 32;
  }
  EXPECT_LE(lost, 10);
}

TEST(Race, FailuresDropOut) {
  FakeEvaluator evaluator([](const std::string& s, uint64_t seed) { return s == "bad" && seed > 10 ? -1 : s == "bad" ? 99.0 : Noisy(s, seed); });
  Result<RaceResult> r = Race(Seeds(32), {{"bad", "bad"}, {"good", "10:0.1"}, {"close", "9.99:0.1"}}, evaluator);
  ASSERT_TRUE(r.ok());
  EXPECT_TRUE(std::find(r->order.begin(), r->order.end(), 0u) == r->order.end());
  EXPECT_EQ(r->evaluations[0].outcome, Outcome::kCrash);
}

TEST(Race, OneEntryStillRunsAllSeeds) {
  FakeEvaluator evaluator(Noisy);
  Result<RaceResult> r = Race(Seeds(16), {{"a", "10:0"}}, evaluator);
  ASSERT_TRUE(r.ok());
  EXPECT_EQ(r->evaluations[0].seeds.size(), 16u);
}

TEST(Race, StopsWhenAsked) {
  std::atomic<bool> stop = true;
  RaceOptions o = Seeds(16);
  o.stop = &stop;
  FakeEvaluator evaluator(Noisy);
  EXPECT_FALSE(Race(o, {{"a", "10:0"}}, evaluator).ok());
}

}  // namespace
}  // namespace ose
