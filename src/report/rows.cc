#include "report/rows.h"

#include <fmt/format.h>

#include <cmath>
#include <set>

#include "base/json.h"
#include "report/table.h"

namespace ose {
namespace {

using nlohmann::json;

std::string Number(double x) {
  double a = std::fabs(x);
  if (a == 0 || (a >= 1000 && a < 1e7)) return fmt::format("{:.0f}", x);
  if (a >= 100) return fmt::format("{:.1f}", x);
  if (a >= 1) return fmt::format("{:.3g}", x);
  return fmt::format("{:.3g}", x);
}

std::string WithHalfWidth(const Interval& i) {
  double half = (i.hi - i.lo) / 2;
  // Rounding in the mean of equal numbers is no uncertainty.
  return half > 1e-9 * std::fabs(i.mean) ? fmt::format("{} ±{}", Number(i.mean), fmt::format("{:.2g}", half)) : Number(i.mean);
}

}  // namespace

std::optional<Interval> MetricInterval(const Evaluation& evaluation, std::string_view metric) {
  std::vector<double> xs;
  for (const SeedResult& s : evaluation.seeds) {
    auto it = s.metrics.find(metric);
    if (it == s.metrics.end()) return std::nullopt;
    xs.push_back(it->second);
  }
  if (xs.empty()) return std::nullopt;
  return MeanInterval(xs);
}

json IntervalJson(const Interval& i) { return json::array({i.lo, i.hi}); }

json MetricsJson(const Evaluation& evaluation) {
  json out = json::object();
  if (evaluation.seeds.empty()) return out;
  for (auto& [name, value] : evaluation.seeds[0].metrics) {
    auto i = MetricInterval(evaluation, name);
    if (!i) continue;
    const MetricInfo* info = FindMetric(name);
    out[name] = {{"mean", i->mean}, {"ci95", IntervalJson(*i)}, {"unit", info ? std::string(info->unit) : "1"}};
  }
  return out;
}

json RowJson(const ReportRow& row, bool compare) {
  json j = {{"policy", row.policy}, {"seeds", row.evaluation.seeds.size()}};
  if (row.evaluation.outcome != Outcome::kOk) {
    j["error"] = {{"outcome", OutcomeName(row.evaluation.outcome)}, {"message", row.evaluation.diagnosis}};
    j["metrics"] = json::object();
    j["score"] = 0;
    return j;
  }
  j["metrics"] = MetricsJson(row.evaluation);
  j["score"] = row.evaluation.MeanScore();
  if (row.profile) j["profile"] = json::parse(EncodeProfile(*row.profile));
  if (const auto& t = row.trace)
    j["trace"] = {{"file", t->file}, {"seed", std::to_string(t->seed)}, {"begin_ns", t->begin_ns}, {"end_ns", t->end_ns},
                  {"run_ns", t->run_ns}, {"events", t->events}, {"full", t->full}};
  if (!compare) return j;
  if (row.vs) j["vs"] = {{"policy", row.vs_policy}, {"diff_pct", row.vs->mean}, {"ci95", IntervalJson(*row.vs)}};
  j["pct_of_bound"] = row.evaluation.MeanScore();
  return j;
}

json RowsJson(const ReportHead& head, const std::vector<ReportRow>& rows, bool compare) {
  json list = json::array();
  for (const ReportRow& row : rows) {
    list.push_back(RowJson(row, compare));
    if (head.score != "bound") list.back().erase("pct_of_bound");
  }
  return {{"workload", head.workload}, {"host", head.host}, {"machine", head.machine}, {"cpus", head.cpus}, {"seeds", head.seeds}, {"rows", list}};
}

std::string GainText(const Interval& g) {
  int digits = std::fabs(g.mean) < 0.1 ? 3 : 2;
  return fmt::format("{:+.{}f}% [{:+.{}f}, {:+.{}f}]", g.mean, digits, g.lo, digits, g.hi, digits);
}

std::string RowsTable(const ReportHead& head, const std::vector<Objective>& objectives, const std::vector<ReportRow>& rows) {
  std::string out = fmt::format("workload {} on {} with {} CPUs ({}), {} seeds, ± is half of a 95% interval\n\n", Printable(head.workload),
                                Printable(head.machine), head.cpus, head.host, head.seeds);
  std::vector<std::vector<std::string>> table;
  std::vector<std::string> header = {"policy", "% of " + head.score};
  bool any_vs = false;
  for (const Objective& o : objectives) {
    const MetricInfo* info = FindMetric(o.metric);
    header.push_back(fmt::format("{}{}", o.metric, info && info->unit != "1" ? fmt::format(" [{}]", info->unit) : ""));
  }
  for (const ReportRow& row : rows) any_vs |= row.vs.has_value();
  if (any_vs) header.push_back("gain over " + rows[0].policy);
  table.push_back(header);
  for (const ReportRow& row : rows) {
    if (row.evaluation.outcome != Outcome::kOk) {
      table.push_back({row.policy, OutcomeName(row.evaluation.outcome)});
      continue;
    }
    std::vector<double> scores = row.evaluation.Scores();
    std::vector<std::string> line = {row.policy, WithHalfWidth(MeanInterval(scores))};
    for (const Objective& o : objectives) {
      auto i = MetricInterval(row.evaluation, o.metric);
      line.push_back(i ? WithHalfWidth(*i) : "-");
    }
    if (any_vs) line.push_back(row.vs ? GainText(*row.vs) : "");
    table.push_back(line);
  }
  return out + FormatTable(table);
}

}  // namespace ose
