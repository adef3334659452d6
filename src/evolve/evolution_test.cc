#include "evolve/evolution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/file.h"
#include "evolve/testing.h"

namespace ose {
namespace {

using ::testing::HasSubstr;

struct Ran {
  EvolutionResult result;
  std::string log;
};

class EvolutionTest : public ::testing::Test {
 protected:

  // Steps of -1, 1, 10, or 10 to 19 by operator; the score is the value itself.
  static int Step(std::string_view op, Rng& rng) {
    if (op == "never") return 0;
    if (op == "leap") return 10;
    if (op == "jump") return 10 + static_cast<int>(rng.Below(10));
    return rng.Below(2) ? 1 : -1;
  }
  static double Plain(const std::string& source, uint64_t) { return std::max(0, FakeMutator::Value(source)); }

  Ran Run(EvolutionOptions options, FakeEvaluator& evaluator, const std::string& name, std::vector<std::string> ops = {"walk", "never", "leap"}) {
    FakeMutator mutator(std::move(ops), Step);
    Result<RunDb> db = RunDb::Open(JoinPath(dir_.path(), name), FileExists(JoinPath(dir_.path(), name)) ? OpenMode::kResume : OpenMode::kCreate);
    EXPECT_TRUE(db.ok()) << db.error().message;
    if (options.search_seeds.empty()) options.search_seeds = {1, 2, 3, 4};
    Evolution evolution(options, {{"first", FakeMutator::Source(50)}, {"second", FakeMutator::Source(60, "\n// other\n")}}, evaluator, mutator, *db);
    Ran ran;
    evolution.on_commit = [&](const std::string& line) { ran.log += line + "\n"; };
    Result<EvolutionResult> result = evolution.Run();
    EXPECT_TRUE(result.ok()) << result.error().message;
    if (result.ok()) ran.result = std::move(*result);
    return ran;
  }

  Result<TempDir> made_ = TempDir::Make("evolution-test");
  const TempDir& dir_ = *made_;
};

EvolutionOptions Options(int64_t evaluations) {
  EvolutionOptions o;
  o.max_evaluations = evaluations;
  return o;
}

TEST_F(EvolutionTest, FindsBetterOnesAndRanksThem) {
  FakeEvaluator evaluator(Plain);
  Ran r = Run(Options(100), evaluator, "a.db");
  EXPECT_EQ(r.result.evaluations, 100);
  EXPECT_GT(r.result.ranking[0].score, 100);
  EXPECT_TRUE(std::is_sorted(r.result.ranking.begin(), r.result.ranking.end(), [](auto& a, auto& b) { return a.score > b.score; }));
}

TEST_F(EvolutionTest, TheBanditFindsTheOperatorThatPays) {
  FakeEvaluator evaluator([](const std::string& s, uint64_t) { return std::exp2(FakeMutator::Value(s) / 20.0); });  // a jump: half as much again, or more
  Ran r = Run(Options(200), evaluator, "a.db", {"walk", "never", "jump"});
  std::map<std::string, long> plays;
  for (const Bandit::Arm& a : r.result.arms) plays[a.name] = a.total_plays;
  EXPECT_GT(2 * plays["jump"], 3 * plays["walk"]);  // half of the picks are free
  EXPECT_EQ(plays["never"], 0);
  EXPECT_EQ(plays["cmaes"], 0);  // there is nothing to tune
}

TEST_F(EvolutionTest, NothingIsEvaluatedTwice) {
  FakeEvaluator evaluator(Plain);
  // One operator, steps of one: most children exist already.
  Ran r = Run(Options(60), evaluator, "a.db", {"walk"});
  EXPECT_GT(r.result.redrawn, 0);
  std::set<double> scores;
  for (const RankedCandidate& c : r.result.ranking) EXPECT_TRUE(scores.insert(c.score).second || c.name != "") << c.score;
}

TEST_F(EvolutionTest, ALuckyEliteLosesItsPlace) {
  // 77 is lucky on the search seeds and worthless on others.
  FakeEvaluator evaluator([](const std::string& s, uint64_t seed) { return FakeMutator::Value(s) == 70 ? (seed <= 4 ? 1000.0 : 10.0) : Plain(s, seed); });
  EvolutionOptions o = Options(60);
  o.recheck_seeds = {5, 6, 7, 8, 9, 10, 11, 12};
  o.recheck_interval = 8;
  Ran r = Run(o, evaluator, "a.db", {"leap"});
  EXPECT_THAT(r.log, HasSubstr("recheck 340.0000"));  // (4 * 1000 + 8 * 10) / 12
  EXPECT_GT(r.result.rechecked, 2);
  for (const RankedCandidate& c : r.result.ranking) {
    if (FakeMutator::Value(c.source) == 70) {
      EXPECT_DOUBLE_EQ(c.score, 340);
    }
  }
}

TEST_F(EvolutionTest, EasierSeedsAreNoMerit) {
  // On the further seeds everybody has twice the score.
  FakeEvaluator evaluator([](const std::string& s, uint64_t seed) { return Plain(s, seed) * (seed <= 4 ? 1 : 2); });
  EvolutionOptions o = Options(40);
  o.recheck_seeds = {5, 6, 7, 8};
  o.recheck_interval = 8;
  Ran r = Run(o, evaluator, "a.db", {"leap"});
  for (const RankedCandidate& c : r.result.ranking) EXPECT_NEAR(c.score, FakeMutator::Value(c.source), 1e-9);
}

TEST_F(EvolutionTest, AChildInheritsTheLuckOfItsParent) {
  // From 70 on a policy has twice its worth on the search seeds. Without a correction whoever had no second look yet would
  // lead those that had one, and all second looks would go there.
  FakeEvaluator evaluator([](const std::string& s, uint64_t seed) { return Plain(s, seed) * (seed <= 4 && FakeMutator::Value(s) >= 70 ? 2 : 1); });
  EvolutionOptions o = Options(200);
  o.recheck_seeds = {5, 6, 7, 8};
  Ran r = Run(o, evaluator, "a.db", {"walk", "jump"});
  // Worth v has 2 v on the search seeds and 1.5 v on all: some have the latter without a second look of their own.
  int corrected = 0;
  for (const RankedCandidate& c : r.result.ranking)
    corrected += std::abs(c.score - 1.5 * FakeMutator::Value(c.source)) < 1e-9 && r.log.find("parent " + std::to_string(c.id) + " recheck") == r.log.npos;
  EXPECT_GT(corrected, 0);
}

TEST_F(EvolutionTest, WhatFailsOnFurtherSeedsIsNoParent) {
  FakeEvaluator evaluator([](const std::string& s, uint64_t seed) { return FakeMutator::Value(s) >= 200 && seed > 4 ? -1.0 : Plain(s, seed); });
  EvolutionOptions o = Options(120);
  o.recheck_seeds = {5, 6};
  o.recheck_interval = 4;
  Ran r = Run(o, evaluator, "a.db", {"leap"});
  EXPECT_THAT(r.log, HasSubstr("recheck crash"));
}

// The limit is known once the hand-written policies are in, and again after a resumption.
TEST_F(EvolutionTest, ARunawayIsWhatTakesManyTimesTheEventsOfTheHandWritten) {
  FakeEvaluator evaluator(Plain);
  Run(Options(20), evaluator, "a.db");
  ASSERT_EQ(evaluator.limits.size(), 20u);
  for (size_t i = 0; i < 20; ++i) EXPECT_EQ(evaluator.limits[i], i < 2 ? 0 : RunawayLimit(600'000)) << i;
  FakeEvaluator again(Plain);
  Run(Options(21), again, "a.db");
  EXPECT_EQ(again.limits, std::vector<uint64_t>{RunawayLimit(600'000)});
}

TEST_F(EvolutionTest, ARunGoesOnAsIfItHadNotBeenCut) {
  // With tunables, so that sessions of CMA-ES are replayed, too.
  const std::string tunables = "\nTUNABLE(x, 10, 0, 100)\nTUNABLE(y, 10, 0, 100)\n";
  auto score = [](const std::string& s, uint64_t) {
    double x = 10;
    if (const size_t at = s.find("TUNABLE(x, "); at != s.npos) x = std::stod(s.substr(at + 11));
    return Plain(s, 0) + 50 - std::abs(x - 70) / 2;
  };
  auto run = [&](int64_t evaluations, const std::string& name, int* jobs) {
    FakeEvaluator evaluator(score);
    FakeMutator mutator({"walk", "leap"}, Step);
    const std::string path = JoinPath(dir_.path(), name);
    Result<RunDb> db = RunDb::Open(path, FileExists(path) ? OpenMode::kResume : OpenMode::kCreate);
    EvolutionOptions o = Options(evaluations);
    o.search_seeds = {1, 2, 3, 4};
    o.recheck_seeds = {5, 6};
    o.population.migration_interval = 16;
    o.population.restart_after = 20;
    Evolution evolution(o, {{"first", FakeMutator::Source(50, tunables)}}, evaluator, mutator, *db);
    std::string log;
    evolution.on_commit = [&](const std::string& line) { log += line + "\n"; };
    Result<EvolutionResult> result = evolution.Run();
    EXPECT_TRUE(result.ok()) << result.error().message;
    *jobs = evaluator.jobs;
    return log;
  };
  int jobs = 0;
  const std::string whole = run(300, "whole.db", &jobs);
  EXPECT_THAT(whole, HasSubstr("cmaes"));
  EXPECT_EQ(jobs, 300);
  for (int cut : {1, 7, 60, 133, 299}) {
    const std::string name = "cut" + std::to_string(cut) + ".db";
    run(cut, name, &jobs);
    EXPECT_EQ(run(300, name, &jobs), whole) << cut;
    EXPECT_EQ(jobs, 300 - cut);
  }
}

TEST_F(EvolutionTest, StrategiesKeepToTheirRules) {
  EvolutionOptions o = Options(60);
  o.population.islands = 1;
  o.strategy = Strategy::kBestOfN;
  FakeEvaluator a(Plain), b(Plain);
  Ran best_of_n = Run(o, a, "n.db");
  // 60 is the best to start from: nothing is more than one step away.
  EXPECT_LE(best_of_n.result.ranking[0].score, 70);
  o.strategy = Strategy::kRandom;
  Ran random = Run(o, b, "r.db");
  EXPECT_GT(random.result.ranking[0].score, 70);
  EXPECT_THAT(random.log, ::testing::Not(HasSubstr("quick")));
}

}  // namespace
}  // namespace ose
