#include "report/engine_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "report/rows.h"
#include "report/table.h"

namespace ose {
namespace {

using nlohmann::json;

constexpr int kPoints = 24;  // of a curve in JSON and charts

std::vector<int64_t> CurvePoints(int64_t evaluations) {
  std::vector<int64_t> at;
  for (int i = 1; i <= kPoints; ++i)
    if (const int64_t n = std::max<int64_t>(1, evaluations * i / kPoints); at.empty() || n > at.back()) at.push_back(n);
  return at;
}

std::vector<double> FinalScores(const EngineRow& row) {
  std::vector<double> scores;
  for (const EngineRun& run : row.runs) scores.push_back(run.final_score);
  return scores;
}

std::vector<std::vector<std::string>> Cells(const EngineResult& r) {
  std::vector<std::vector<std::string>> cells;
  std::vector<int64_t> at;
  for (int64_t part : {8, 4, 2, 1}) at.push_back(std::max<int64_t>(1, r.evaluations / part));
  std::vector<std::string> head = {"strategy"};
  for (int64_t n : at) head.push_back(fmt::format("best after {}", n));
  head.insert(head.end(), {"winner on final seeds", fmt::format("gain of {} [95%]", r.rows[0].strategy)});
  cells.push_back(std::move(head));
  for (const EngineRow& row : r.rows) {
    std::vector<std::string> line = {row.strategy};
    for (int64_t n : at) {
      const Interval i = EngineCurveAt(row, n);
      line.push_back(fmt::format("{:.2f} ±{:.2f}", i.mean, i.hi - i.mean));
    }
    const Interval f = MeanInterval(FinalScores(row));
    line.push_back(fmt::format("{:.2f} ±{:.2f}", f.mean, f.hi - f.mean));
    line.push_back(&row == &r.rows[0] ? "" : GainText(EngineGain(r, row)));
    cells.push_back(std::move(line));
  }
  return cells;
}

std::string Title(const EngineResult& r) {
  return fmt::format("{} on {}: {} evaluations, {} run seeds; scores in % of the bound, best hand-written policy {:.2f}", r.workload, r.machine,
                     r.evaluations, r.rows[0].runs.size(), r.hand_written);
}

}  // namespace

Interval EngineCurveAt(const EngineRow& row, int64_t evaluations) {
  std::vector<double> xs;
  for (const EngineRun& run : row.runs)
    if (!run.best.empty()) xs.push_back(run.best[std::min(run.best.size(), static_cast<size_t>(std::max<int64_t>(1, evaluations))) - 1]);
  if (xs.empty()) return {};
  return MeanInterval(xs);
}

Interval EngineGain(const EngineResult& result, const EngineRow& row) {
  return PairedGainPct(FinalScores(row), FinalScores(result.rows[0]));
}

std::vector<EngineTotal> EngineTotals(const std::vector<EngineResult>& results) {
  std::vector<EngineTotal> totals;
  for (size_t k = 1; k < results[0].rows.size(); ++k) {
    std::vector<double> theirs, mine;
    for (const EngineResult& r : results) {
      for (double score : FinalScores(r.rows[k])) theirs.push_back(score);
      for (double score : FinalScores(r.rows[0])) mine.push_back(score);
    }
    totals.push_back({results[0].rows[k].strategy, PairedGainPct(theirs, mine), mine.size()});
  }
  return totals;
}

std::string EngineTotalsText(const std::vector<EngineResult>& results) {
  std::string text = fmt::format("over all {} workloads, each pair of runs counting alike:\n", results.size());
  for (const EngineTotal& t : EngineTotals(results))
    text += fmt::format("  gain of {} over {}: {} ({} pairs)\n", results[0].rows[0].strategy, t.strategy, GainText(t.gain_pct), t.pairs);
  return text;
}

json EngineTotalsJson(const std::vector<EngineResult>& results) {
  json totals = json::array();
  for (const EngineTotal& t : EngineTotals(results))
    totals.push_back({{"strategy", t.strategy}, {"gain_pct_of_" + results[0].rows[0].strategy, t.gain_pct.mean}, {"gain_ci95", IntervalJson(t.gain_pct)}, {"pairs", t.pairs}});
  return totals;
}

std::string EngineText(const EngineResult& result) { return Title(result) + "\n" + FormatTable(Cells(result)); }

std::string EngineMarkdown(const EngineResult& result) { return Title(result) + "\n\n" + FormatMarkdownTable(Cells(result)); }

json EngineJson(const EngineResult& r) {
  json rows = json::array();
  for (const EngineRow& row : r.rows) {
    json curve = json::array();
    for (int64_t n : CurvePoints(r.evaluations)) {
      const Interval i = EngineCurveAt(row, n);
      curve.push_back({{"evaluations", n}, {"best", i.mean}, {"ci95", IntervalJson(i)}});
    }
    json j = {{"strategy", row.strategy}, {"curve", curve}, {"final_scores", FinalScores(row)}};
    if (&row != &r.rows[0]) {
      const Interval gain = EngineGain(r, row);
      j["gain_pct_of_" + r.rows[0].strategy] = gain.mean;
      j["gain_ci95"] = IntervalJson(gain);
    }
    rows.push_back(std::move(j));
  }
  return {{"workload", r.workload}, {"machine", r.machine}, {"evaluations", r.evaluations}, {"hand_written", r.hand_written}, {"rows", rows}};
}

Chart EngineChart(const EngineResult& r) {
  Chart chart{.title = fmt::format("Search strategies on {}", r.workload),
              .subtitle = fmt::format("best score on search seeds, mean and 95% interval over {} run seeds", r.rows[0].runs.size())};
  chart.x = {.label = "evaluations"};
  chart.y = {.label = "score (% of the bound)"};
  for (size_t k = 0; k < r.rows.size(); ++k) {
    ChartSeries series{.name = r.rows[k].strategy, .colour = static_cast<int>(k)};
    std::vector<ChartPoint> high;
    for (int64_t n : CurvePoints(r.evaluations)) {
      const Interval i = EngineCurveAt(r.rows[k], n);
      const double x = static_cast<double>(n);
      series.points.push_back({x, i.mean});
      series.band.push_back({x, i.lo});
      high.push_back({x, i.hi});
    }
    series.band.insert(series.band.end(), high.rbegin(), high.rend());
    chart.series.push_back(std::move(series));
  }
  return chart;
}

}  // namespace ose
