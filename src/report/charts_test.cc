#include "report/charts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "core/exit_code.h"

namespace ose {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Distribution Uniform(int n, double most) {
  std::vector<double> xs;
  for (int i = 1; i <= n; ++i) xs.push_back(most * i / n);
  return MakeDistribution(xs);
}

TEST(CdfChart, EndsWhereTheSmallestRunHasNoFurtherSample) {
  const Chart chart = CdfChart("w", "fast.latency", "m; 2 seeds", {{"p", {Uniform(1000, 900), Uniform(100, 1100)}}});
  ASSERT_EQ(chart.series.size(), 1u);
  const ChartSeries& s = chart.series[0];
  EXPECT_GE(s.points.back()[1], 0.01);
  EXPECT_LT(s.points.back()[1], 0.0103);
  EXPECT_EQ(chart.x.label, "latency (µs)");
  EXPECT_THAT(chart.title, HasSubstr("fast.latency on w"));
  // The geometric mean, within the band.
  const ChartPoint& median = s.points[250];
  EXPECT_NEAR(median[1], 0.5, 1e-9);
  EXPECT_NEAR(median[0], std::sqrt(450 * 550), 5);
  EXPECT_LE(s.band[250][0], median[0]);
  EXPECT_EQ(s.band.size(), 2 * s.points.size() + 1);
  EXPECT_EQ(chart.y.ticks.back().second, "p99");
}

TEST(CdfChart, OneSeedHasNoBandAndLongTimesAreMilliseconds) {
  const Chart chart = CdfChart("w", "wakeup", "m", {{"p", {Uniform(50, 30'000)}}});
  EXPECT_TRUE(chart.series[0].band.empty());
  EXPECT_EQ(chart.x.label, "wakeup (ms)");
  EXPECT_NEAR(chart.series[0].points[250][0], 15, 1);
  EXPECT_EQ(chart.y.label, "percentile of wake-ups");
}

TEST(LoadChart, SortsByLoadAndKeepsTheOrderOfPolicies) {
  LoadCurves curves;
  const json sweep = json::parse(R"({"workload": "w", "machine": "m", "seeds": "search:8", "rows": [
    {"policy": "b", "load": 0.9, "metrics": {"latency_p99": {"mean": 900, "lo": 800, "hi": 1000}}},
    {"policy": "b", "load": 0.5, "metrics": {"latency_p99": {"mean": 10, "lo": 9, "hi": 11}}},
    {"policy": "a", "load": 0.5, "error": {"outcome": "stall"}},
    {"policy": "a", "load": 0.5, "metrics": {"latency_p99": {"mean": 20, "ci95": [18, 22]}}}]})");
  ASSERT_TRUE(AddLoadCurves(sweep, "s.json", "latency_p99", curves).ok());
  const Chart chart = LoadChart(curves, "latency_p99");
  ASSERT_EQ(chart.series.size(), 2u);
  EXPECT_EQ(chart.series[0].name, "b");
  EXPECT_THAT(chart.series[0].points, ElementsAre(ChartPoint{0.5, 10}, ChartPoint{0.9, 900}));
  EXPECT_THAT(chart.series[1].band, ElementsAre(ChartPoint{0.5, 18}, ChartPoint{0.5, 22}, ChartPoint{0.5, 18}));
  EXPECT_TRUE(chart.y.log);
  EXPECT_EQ(chart.y.label, "latency_p99 (µs)");
  EXPECT_EQ(chart.subtitle, "m, search:8");
}

TEST(LoadChart, SaysWhatAFileLacks) {
  auto code = [](const char* text, std::string* message) {
    LoadCurves curves;
    curves.workload = "w";
    curves.curves = {{"p", {}}};
    Status s = AddLoadCurves(json::parse(text), "f.json", "latency_p99", curves);
    *message = s.ok() ? "" : s.error().message;
    return s.ok() ? kExitOk : s.error().code;
  };
  std::string message;
  EXPECT_EQ(code(R"({"rows": 3, "workload": "w"})", &message), kExitUsage);
  EXPECT_THAT(message, HasSubstr("f.json: no JSON of a sweep"));
  EXPECT_EQ(code(R"({"rows": [], "workload": "v"})", &message), kExitUsage);
  EXPECT_THAT(message, HasSubstr("a sweep of v, the one before is of w"));
  EXPECT_EQ(code(R"({"rows": [{"policy": "p", "load": 1, "metrics": {"span": {"mean": 1}}}], "workload": "w"})", &message), kExitNotFound);
  EXPECT_THAT(message, HasSubstr("no row has 'latency_p99'; there is: span"));
  EXPECT_EQ(code(R"({"rows": [{"policy": "p", "metrics": {"latency_p99": {"mean": 1}}}], "workload": "w"})", &message), kExitUsage);
}

TEST(RunChart, ShowsTheBestSoFarAndWhatItBegan) {
  const Chart chart = RunChart("r", "w", {{.id = 0, .score = 5, .seed_policy = "fifo"},
                                          {.id = 1, .score = 9, .seed_policy = "cfs"},
                                          {.id = 2, .failed = true},
                                          {.id = 3},
                                          {.id = 4, .score = 7},
                                          {.id = 5, .score = 11}});
  EXPECT_THAT(chart.subtitle, HasSubstr("6 evaluated, 1 failed, 1 given up"));
  ASSERT_EQ(chart.series.size(), 3u);
  EXPECT_EQ(chart.series[0].points.size(), 4u);
  EXPECT_EQ(chart.series[1].name, "best to start from: cfs");
  EXPECT_THAT(chart.series[2].points, ElementsAre(ChartPoint{0, 5}, ChartPoint{1, 9}, ChartPoint{5, 11}, ChartPoint{5, 11}));
}

TEST(GanttChart, DrawsTurnsWaitsAndOverheadInTheirRows) {
  using Kind = ScheduleEvent::Kind;
  ScheduleLog log;
  log.workload = "w";
  log.cpus = 1;
  log.groups = {{"g", 2}};
  log.end_ns = log.run_ns = 4000;
  log.events = {{.kind = Kind::kWakeup, .cpu = 0, .task = 0, .at_ns = 0},
                {.kind = Kind::kWakeup, .cpu = 0, .task = 1, .at_ns = 0},
                {.kind = Kind::kOverhead, .cpu = 0, .at_ns = 0, .value = 1000},
                {.kind = Kind::kRun, .cpu = 0, .task = 0, .at_ns = 0, .value = 1000},
                {.kind = Kind::kStop, .detail = static_cast<uint8_t>(TurnEnd::kSliceUsedUp), .cpu = 0, .task = 0, .at_ns = 2000},
                {.kind = Kind::kRun, .cpu = 0, .task = 1, .at_ns = 2000, .value = 2000},
                {.kind = Kind::kStop, .detail = static_cast<uint8_t>(TurnEnd::kExited), .cpu = 0, .task = 1, .at_ns = 3000}};
  const Chart chart = GanttChart(log, "p");
  auto bars = [&](const std::string& name, const std::string& rgb) {
    std::vector<std::array<double, 3>> out;
    for (const ChartBars& b : chart.bars)
      if (b.name == name && b.rgb == rgb)
        for (const auto& bar : b.bars) out.push_back({bar.y, bar.from, bar.to});
    return out;
  };
  using B = std::array<double, 3>;
  EXPECT_THAT(bars("waiting", "#d0d0d0"), ElementsAre(B{2, 0, 1}, B{3, 0, 2}, B{2, 2, 4}));
  EXPECT_THAT(bars("g", ChartColour(0)), ElementsAre(B{0, 1, 2}, B{2, 1, 2}, B{3, 2, 3}));
  EXPECT_THAT(bars("", "#66abd1"), ElementsAre(B{0, 2, 3}));  // the second turn in a row is paler
  EXPECT_THAT(bars("overhead", "#222222"), ElementsAre(B{0, 0, 1}));
  EXPECT_EQ(chart.y.ticks[2].second, "g[1]");
  EXPECT_EQ(chart.x.label, "time (µs)");
}

TEST(GnuplotScript, ReadsNoTextAsAnythingElse) {
  Chart chart{.title = "it's `id`\nset terminal x", .subtitle = "\"; system('id')"};
  chart.x = {.label = "x", .ticks = {{1, "a'b"}}};
  chart.series.push_back({.name = "p' , system('id')", .points = {{1, 2}, {NAN, 3}}});
  const std::string script = GnuplotScript(chart);
  EXPECT_THAT(script, HasSubstr("set title 'it''s `id` set terminal x'"));
  EXPECT_THAT(script, HasSubstr("'\"; system(''id'')'"));
  EXPECT_THAT(script, HasSubstr("title 'p'' , system(''id'')'"));
  EXPECT_THAT(script, HasSubstr("('a''b' 1)"));
  EXPECT_THAT(script, HasSubstr("END\n1 2\nEND\n"));
  EXPECT_THAT(script, Not(HasSubstr("nan")));
}

}  // namespace
}  // namespace ose
