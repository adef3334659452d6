#include "report/engine_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/json.h"

namespace ose {
namespace {

EngineResult Example() {
  EngineResult r{"toy", "vm", 8, 10, {}};
  r.rows = {{"evolve", {{{1, 2, 3, 4, 5, 6, 7, 8}, 20}, {{1, 2, 3, 4, 5, 6, 7, 10}, 22}}}, {"random", {{{1, 1, 1, 1, 1, 1, 1, 2}, 10}, {{1, 1, 1, 1, 1, 1, 1, 4}, 11}}}};
  return r;
}

TEST(EngineTable, CurvesAreMeansOverRuns) {
  const EngineResult r = Example();
  EXPECT_DOUBLE_EQ(EngineCurveAt(r.rows[0], 8).mean, 9);
  EXPECT_DOUBLE_EQ(EngineCurveAt(r.rows[0], 3).mean, 3);
  EXPECT_DOUBLE_EQ(EngineCurveAt(r.rows[1], 100).mean, 3);  // ended before
}

TEST(EngineTable, GainsArePairedByRunSeed) {
  const Interval gain = EngineGain(Example(), Example().rows[1]);
  EXPECT_NEAR(gain.mean, 100, 1e-9);  // twice as good, both times
  EXPECT_NEAR(gain.hi, 100, 1e-6);
}

TEST(EngineTable, OverSeveralWorkloadsEachPairCountsAlike) {
  EngineResult other = Example();
  for (EngineRun& run : other.rows[0].runs) run.final_score /= 2;  // as good as the other strategy
  const std::vector<EngineTotal> totals = EngineTotals({Example(), other});
  ASSERT_EQ(totals.size(), 1u);
  EXPECT_EQ(totals[0].pairs, 4u);
  EXPECT_NEAR(totals[0].gain_pct.mean, 100 * (std::sqrt(2.0) - 1), 1e-9);
  EXPECT_LT(totals[0].gain_pct.lo, 0);
  EXPECT_THAT(EngineTotalsText({Example(), other}), ::testing::HasSubstr("over random: +41.42%"));
  EXPECT_EQ(EngineTotalsJson({Example(), other})[0]["pairs"], 4);
}

TEST(EngineTable, TextNamesAllStrategies) {
  const std::string text = EngineText(Example());
  EXPECT_THAT(text, ::testing::HasSubstr("evolve"));
  EXPECT_THAT(text, ::testing::HasSubstr("best after 2"));
  EXPECT_THAT(text, ::testing::HasSubstr("+100.00%"));
}

TEST(EngineTable, JsonAndChartHoldTheCurves) {
  const nlohmann::json j = EngineJson(Example());
  EXPECT_EQ(j["rows"][0]["curve"].size(), 8u);
  EXPECT_EQ(j["rows"][1]["curve"][7]["best"], 3);
  EXPECT_FALSE(j["rows"][0].contains("gain_ci95"));
  const Chart chart = EngineChart(Example());
  ASSERT_EQ(chart.series.size(), 2u);
  EXPECT_EQ(chart.series[0].points.size(), 8u);
  EXPECT_EQ(chart.series[0].band.size(), 16u);
}

}  // namespace
}  // namespace ose
