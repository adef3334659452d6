#include "report/charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/json.h"
#include "core/exit_code.h"
#include "core/metrics.h"
#include "core/stats.h"

namespace ose {
namespace {

using nlohmann::json;

// A range that is worth a logarithmic axis.
constexpr double kWide = 20;
// A logarithmic axis begins with this quantile, the 2nd percentile: what is below stretches it for nothing.
constexpr size_t kLeftEdge = 10;
constexpr double kRounding = 1e-9;

struct Unit {
  std::string name;
  double per = 1;  // base units
};

// Microseconds are shown in what keeps the largest number short.
Unit ShownUnit(const std::string& unit, double largest) {
  if (unit != "us") return {unit == "1" ? "" : unit, 1};
  if (largest >= 2e7) return {"s", 1e6};
  if (largest >= 2e4) return {"ms", 1e3};
  return {"µs", 1};
}

std::string Label(const std::string& text, const Unit& unit) { return unit.name.empty() ? text : fmt::format("{} ({})", text, unit.name); }

// Geometric where it exists: distributions with long tails are averaged by factors.
Interval Average(std::vector<double> xs) {
  const bool positive = std::all_of(xs.begin(), xs.end(), [](double x) { return x > 0; });
  if (!positive) return MeanInterval(xs);
  for (double& x : xs) x = std::log(x);
  const Interval i = MeanInterval(xs);
  return {std::exp(i.mean), std::exp(i.lo), std::exp(i.hi)};
}

// The outline of what lies between two curves.
std::vector<ChartPoint> Outline(const std::vector<ChartPoint>& low, const std::vector<ChartPoint>& high) {
  std::vector<ChartPoint> out = low;
  out.insert(out.end(), high.rbegin(), high.rend());
  if (!low.empty()) out.push_back(low.front());
  return out;
}

}  // namespace

Chart CdfChart(const std::string& workload, const std::string& metric, const std::string& where, const std::vector<CdfCurve>& curves) {
  const std::string what = metric.substr(metric.rfind('.') + 1);
  const MetricInfo* info = FindMetric(what + "_p50");
  double least = INFINITY, most = 0, left = INFINITY, rest = 1;
  int64_t fewest = INT64_MAX;
  for (const CdfCurve& curve : curves)
    for (const Distribution& d : curve.seeds) {
      fewest = std::min(fewest, d.count);
      most = std::max(most, d.values.back());
      left = std::min(left, d.values[kLeftEdge]);
      for (double v : d.values)
        if (v > 0) least = std::min(least, v);
    }
  const Unit unit = ShownUnit(info ? std::string(info->unit) : "1", most);
  Chart chart{.title = fmt::format("Distribution of {} on {}", metric, workload), .subtitle = where};
  chart.x = {.label = Label(what, unit), .log = most > kWide * least};
  if (chart.x.log && left > 0) chart.x.min = left / unit.per;
  for (size_t c = 0; c < curves.size(); ++c) {
    ChartSeries series{.name = curves[c].policy, .style = ChartSeries::Style::kLine, .colour = static_cast<int>(c)};
    std::vector<ChartPoint> low, high;
    for (int i = 0; i < kQuantiles; ++i) {
      const double tail = 1 - QuantileAt(i);
      if (tail * static_cast<double>(fewest) < 1 - kRounding) break;
      std::vector<double> xs;
      for (const Distribution& d : curves[c].seeds) xs.push_back(d.values[static_cast<size_t>(i)]);
      const Interval x = Average(std::move(xs));
      if (chart.x.log && x.mean <= 0) continue;
      rest = std::min(rest, tail);
      series.points.push_back({x.mean / unit.per, tail});
      low.push_back({std::max(x.lo, chart.x.log ? least : 0) / unit.per, tail});
      high.push_back({x.hi / unit.per, tail});
    }
    if (curves[c].seeds.size() > 1) series.band = Outline(low, high);
    chart.series.push_back(std::move(series));
  }
  // Turned round: the tail is at the top, each factor of ten as high as the others.
  chart.y = {.label = fmt::format("percentile of {}", what == "wakeup" ? "wake-ups" : "events"), .log = true, .min = 1, .max = rest};
  for (const auto& [tail, text] : std::initializer_list<std::pair<double, const char*>>{
           {1, "0"}, {0.5, "p50"}, {0.25, "p75"}, {0.1, "p90"}, {0.05, "p95"}, {0.01, "p99"}, {1e-3, "p99.9"}, {1e-4, "p99.99"}, {1e-5, "p99.999"}})
    if (tail >= rest * (1 - kRounding)) chart.y.ticks.emplace_back(tail, text);
  return chart;
}

Status AddLoadCurves(const json& sweep, const std::string& file, const std::string& metric, LoadCurves& to) {
  std::set<std::string> metrics;
  bool any = false;
  try {
    std::string where;
    if (sweep.contains("machine")) where = sweep["machine"].get<std::string>();
    if (sweep.contains("seeds") && sweep["seeds"].is_string()) where += (where.empty() ? "" : ", ") + sweep["seeds"].get<std::string>();
    const std::string workload = sweep.value("workload", file);
    if (to.curves.empty()) to.workload = workload, to.where = where;
    else if (to.workload != workload)
      return Error{kExitUsage, fmt::format("{}: a sweep of {}, the one before is of {}; draw one workload at a time", file, workload, to.workload)};
    for (const json& row : sweep.at("rows").get_ref<const json::array_t&>()) {
      if (!row.contains("metrics")) continue;
      for (auto& [name, value] : row["metrics"].items()) metrics.insert(name);
      if (!row["metrics"].contains(metric)) continue;
      const json& m = row["metrics"][metric];
      LoadPoint p{row.at("load"), m.at("mean"), 0, 0};
      p.lo = m.contains("ci95") ? m["ci95"].at(0).get<double>() : m.value("lo", p.mean);
      p.hi = m.contains("ci95") ? m["ci95"].at(1).get<double>() : m.value("hi", p.mean);
      const std::string policy = row.at("policy");
      auto it = std::find_if(to.curves.begin(), to.curves.end(), [&](const LoadCurve& c) { return c.policy == policy; });
      if (it == to.curves.end()) it = to.curves.insert(to.curves.end(), {policy, {}});
      it->points.push_back(p);
      any = true;
    }
  } catch (const std::exception& e) {
    return Error{kExitUsage, fmt::format("{}: no JSON of a sweep (osevolve sweep ... --json): {}", file, e.what())};
  }
  for (LoadCurve& c : to.curves)
    std::sort(c.points.begin(), c.points.end(), [](const LoadPoint& a, const LoadPoint& b) { return a.load < b.load; });
  if (any) return {};
  std::string known;
  for (const std::string& m : metrics) known += (known.empty() ? "" : ", ") + m;
  return Error{kExitNotFound, fmt::format("{}: no row has '{}'; there is: {}", file, metric, known.empty() ? "nothing" : known)};
}

Chart LoadChart(const LoadCurves& curves, const std::string& metric) {
  const MetricInfo* info = FindMetric(metric);
  double least = INFINITY, most = 0;
  for (const LoadCurve& c : curves.curves)
    for (const LoadPoint& p : c.points) most = std::max(most, p.mean), least = p.mean > 0 ? std::min(least, p.mean) : least;
  const Unit unit = ShownUnit(info ? std::string(info->unit) : "1", most);
  Chart chart{.title = fmt::format("{} of {} by load", metric, curves.workload), .subtitle = curves.where};
  chart.x = {.label = "offered load (share of the CPUs' capacity)"};
  chart.y = {.label = Label(metric, unit), .log = most > kWide * least};
  if (!chart.y.log) chart.y.min = 0;
  for (size_t c = 0; c < curves.curves.size(); ++c) {
    ChartSeries series{.name = curves.curves[c].policy, .style = ChartSeries::Style::kLinePoints, .colour = static_cast<int>(c)};
    std::vector<ChartPoint> low, high;
    for (const LoadPoint& p : curves.curves[c].points) {
      if (chart.y.log && p.mean <= 0) continue;
      series.points.push_back({p.load, p.mean / unit.per});
      low.push_back({p.load, std::max(p.lo, chart.y.log ? least / 2 : 0) / unit.per});
      high.push_back({p.load, p.hi / unit.per});
    }
    series.band = Outline(low, high);
    chart.series.push_back(std::move(series));
  }
  return chart;
}

Chart RunChart(const std::string& run, const std::string& workload, const std::vector<RunPoint>& points) {
  ChartSeries scores{.name = "a policy", .style = ChartSeries::Style::kDots, .colour = -1};
  ChartSeries best{.name = "best so far", .style = ChartSeries::Style::kSteps, .colour = 0};
  ChartSeries level{.name = "", .style = ChartSeries::Style::kLevel, .colour = 1};
  double top = -INFINITY, hand = -INFINITY, last = 0;
  int64_t failed = 0, quick = 0;
  for (const RunPoint& p : points) {
    const auto x = static_cast<double>(p.id);
    last = std::max(last, x);
    failed += p.failed;
    quick += !p.failed && !p.score;
    if (!p.score) continue;
    scores.points.push_back({x, *p.score});
    if (!p.seed_policy.empty() && *p.score > hand) hand = *p.score, level.name = "best to start from: " + p.seed_policy;
    if (*p.score <= top) continue;
    top = *p.score;
    best.points.push_back({x, top});
  }
  if (!best.points.empty()) best.points.push_back({last, top});
  if (!level.name.empty()) level.points = {{0, hand}, {last, hand}};
  Chart chart{.title = fmt::format("Search on {}", workload),
              .subtitle = fmt::format("{}: {} evaluated, {} failed, {} given up after the quick seeds", run, points.size(), failed, quick)};
  chart.x = {.label = "evaluation"};
  chart.y = {.label = "score on the search seeds (% of the bound)"};
  chart.series = {std::move(scores), std::move(level), std::move(best)};
  std::erase_if(chart.series, [](const ChartSeries& s) { return s.points.empty(); });
  chart.key_below = true;
  return chart;
}

}  // namespace ose
