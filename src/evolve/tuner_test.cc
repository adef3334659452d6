#include "evolve/tuner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/policy_source.h"

namespace ose {
namespace {

Member M(int64_t id, const std::string& source, double score) {
  Member m;
  m.id = id;
  m.source = source;
  m.behaviour = std::to_string(id);
  m.score = score;
  return m;
}

constexpr char kTwo[] = "TUNABLE(slice_ns, 100'000, 1'000, 100'000'000)\nTUNABLE(boost, 5, 0, 100)\n";

// 100 at slice_ns = 3 ms, boost = 70.
double Fitness(const std::string& source) {
  const Tunables t = *DefaultTunables(source);
  const double a = std::log10(static_cast<double>(t.at("slice_ns")) / 3e6), b = (static_cast<double>(t.at("boost")) - 70) / 100;
  return 100 / (1 + a * a + 4 * b * b);
}

TEST(Tuner, FindsTheOptimumOfASmoothFunction) {
  Archive archive(4);
  archive.Insert(M(1, kTwo, Fitness(kTwo)));
  Tuner tuner(7);
  double best = 0;
  int64_t id = 10;
  for (; id < 200 && tuner.CanPropose(0, archive); ++id) {
    Tuner::Point p = tuner.Next(0, id);
    EXPECT_EQ(p.parent, 1);
    best = std::max(best, Fitness(p.source));
    tuner.OnResult(id, Fitness(p.source));
  }
  EXPECT_GT(best, 97);
  EXPECT_LT(id, 200) << "it should have found out that nothing improves any more";
}

TEST(Tuner, TheOrderOfResultsDoesNotMatter) {
  auto run = [](bool backwards) {
    Archive archive(4);
    archive.Insert(M(1, kTwo, Fitness(kTwo)));
    Tuner tuner(7);
    std::string log;
    int64_t id = 10;
    for (int generation = 0; generation < 4; ++generation) {
      std::vector<std::pair<int64_t, double>> results;
      while (tuner.CanPropose(0, archive)) {
        Tuner::Point p = tuner.Next(0, id);
        log += p.note + "\n";
        results.emplace_back(id++, Fitness(p.source));
      }
      if (backwards) std::reverse(results.begin(), results.end());
      for (auto [i, score] : results) tuner.OnResult(i, score);
    }
    return log;
  };
  EXPECT_EQ(run(false), run(true));
}

TEST(Tuner, EachStructureHasOneSession) {
  Archive archive(4);
  archive.Insert(M(1, "int x;", 90));  // nothing to tune
  archive.Insert(M(2, kTwo, 50));
  Tuner tuner(7);
  int64_t id = 10;
  while (tuner.CanPropose(0, archive)) {
    EXPECT_EQ(tuner.Next(0, id).parent, 2);
    tuner.OnResult(id++, 1);  // never better
  }
  EXPECT_GE(id, 10 + 6 * Tuner::kPatience);
  EXPECT_LT(id, 60);
  EXPECT_FALSE(tuner.CanPropose(1, archive));  // nor one on another island
  tuner.Again();
  EXPECT_TRUE(tuner.CanPropose(0, archive));
}

TEST(Tuner, ASingleTunableAndAllFailuresAreNoTrouble) {
  Archive archive(4);
  archive.Insert(M(1, "TUNABLE(n, 3, -5, 9)", 50));
  Tuner tuner(1);
  int64_t id = 10;
  for (; tuner.CanPropose(0, archive) && id < 100; ++id) {
    const int64_t n = DefaultTunables(tuner.Next(0, id).source)->at("n");
    EXPECT_GE(n, -5);
    EXPECT_LE(n, 9);
    tuner.OnResult(id, 0);
  }
  EXPECT_LT(id, 100);
}

TEST(Tuner, ResultsOfOthersAreIgnored) {
  Tuner tuner(1);
  tuner.OnResult(5, 1);
}

}  // namespace
}  // namespace ose
