#include "validate/agreement.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/statistics/bivariate_statistics.hpp>
#include <cmath>
#include <numeric>

namespace ose {
namespace {

std::vector<double> Values(const std::vector<SeedResult>& runs, std::string_view metric) {
  std::vector<double> values;
  for (const SeedResult& r : runs)
    if (auto it = r.metrics.find(metric); it != r.metrics.end()) values.push_back(it->second);
  return values.size() == runs.size() ? values : std::vector<double>{};
}

// Objectives that both worlds report in every run of every policy.
std::vector<Objective> Common(const std::vector<InBothWorlds>& policies, const std::vector<Objective>& objectives) {
  std::vector<Objective> common;
  for (const Objective& o : objectives) {
    const bool everywhere = std::all_of(policies.begin(), policies.end(), [&](const InBothWorlds& p) {
      return !Values(p.model, o.metric).empty() && !Values(p.real, o.metric).empty();
    });
    if (everywhere) common.push_back(o);
  }
  return common;
}

// Mean over the seeds, each against the first policy's run of the same seed, so that what seeds have in common goes out.
double MeanScore(const std::vector<Objective>& objectives, const std::vector<SeedResult>& runs, const std::vector<SeedResult>& first) {
  double sum = 0;
  for (size_t i = 0; i < runs.size(); ++i) sum += std::log(std::max(1e-300, Score(objectives, runs[i].metrics, first[i].metrics)));
  return std::exp(sum / static_cast<double>(runs.size()));
}

// How far the kernel agrees with itself: the rank correlation between its first and its second half of the seeds. A
// model cannot be asked for more than that. Precondition: at least two seeds.
double SelfAgreement(const std::vector<InBothWorlds>& policies, const std::vector<Objective>& objectives, double tie) {
  std::vector<double> half[2];
  for (const InBothWorlds& p : policies) {
    const auto first = policies[0].real.begin(), own = p.real.begin();
    const auto middle = static_cast<std::ptrdiff_t>(p.real.size() / 2);
    half[0].push_back(MeanScore(objectives, {own, own + middle}, {first, first + middle}));
    half[1].push_back(MeanScore(objectives, {own + middle, p.real.end()}, {first + middle, policies[0].real.end()}));
  }
  return RankCorrelation(RanksWithTies(half[0], tie), RanksWithTies(half[1], tie));
}

}  // namespace

double MetricTolerance(std::string_view metric) {
  const MetricInfo* info = FindMetric(metric);
  if (!info) return 0;
  const std::string_view name = info->name;
  if (name == "throughput" || name == "span") return 0.10;
  const bool latency = name.starts_with("latency_") || name.starts_with("start_") || name.starts_with("slowdown_") || name.starts_with("wakeup_");
  if (!latency || name.ends_with("_max") || name.ends_with("_p999")) return 0;
  return name.ends_with("_p95") || name.ends_with("_p99") ? 0.25 : 0.10;
}

std::vector<ValidationRow> MetricRows(const std::string& group, const InBothWorlds& both, const std::vector<Objective>& objectives,
                                      const std::string& source) {
  std::vector<ValidationRow> rows;
  if (both.model.empty() || both.real.empty()) return rows;
  for (const auto& [metric, unused] : both.real[0].metrics) {
    const double tolerance = MetricTolerance(metric);
    const bool whole = metric.find('.') == metric.npos;
    const bool objective = std::any_of(objectives.begin(), objectives.end(), [&](const Objective& o) { return o.metric == metric; });
    if (tolerance == 0 || (!whole && !objective)) continue;
    const std::vector<double> model = Values(both.model, metric), real = Values(both.real, metric);
    if (model.empty() || real.empty()) continue;
    ValidationRow row;
    row.group = group;
    row.name = metric;
    row.unit = FindMetric(metric)->unit;
    row.source = source;
    row.criterion = Criterion::kWithin;
    row.limit = tolerance;
    const Interval r = MeanInterval(real);
    row.reference = r.mean;
    row.measured = MeanInterval(model);
    if (const double spread = r.mean > 0 ? (r.hi - r.lo) / 2 / r.mean : 0; spread > tolerance / 2)
      row.note = fmt::format("the real runs vary: their mean is known to ±{:.0f}%", 100 * spread);
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<double> RanksWithTies(const std::vector<double>& values, double tie) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t i = 0; i < order.size();) {
    size_t j = i + 1;
    while (j < order.size() && values[order[j]] <= values[order[j - 1]] * (1 + tie)) ++j;
    for (size_t k = i; k < j; ++k) ranks[order[k]] = static_cast<double>(i + j + 1) / 2;
    i = j;
  }
  return ranks;
}

double RankCorrelation(const std::vector<double>& a, const std::vector<double>& b) {
  const auto flat = [](const std::vector<double>& x) { return std::all_of(x.begin(), x.end(), [&](double v) { return v == x[0]; }); };
  if (flat(a) || flat(b)) return flat(a) && flat(b) ? 1 : 0;
  return boost::math::statistics::correlation_coefficient(a, b);
}

ValidationRow RankRow(const std::string& group, const std::vector<InBothWorlds>& policies, const std::vector<Objective>& objectives,
                      double tie, double limit) {
  ValidationRow row;
  row.group = group;
  row.name = "ranks of policies";
  row.unit = "1";
  row.source = "the kernel's measurements";
  row.criterion = Criterion::kAtLeast;
  row.limit = limit;
  const std::vector<Objective> common = Common(policies, objectives);
  if (policies.size() < 3 || common.empty()) {
    row.note = common.empty() ? "no objective is reported by both" : "fewer than three policies run in both";
    return row;
  }
  std::vector<double> model, real;
  for (const InBothWorlds& p : policies) {
    model.push_back(MeanScore(common, p.model, policies[0].model));
    real.push_back(MeanScore(common, p.real, policies[0].real));
  }
  const std::vector<double> model_ranks = RanksWithTies(model, tie), real_ranks = RanksWithTies(real, tie);
  const double rho = RankCorrelation(model_ranks, real_ranks);
  row.measured = Interval{rho, rho, rho};

  size_t worst = 0;
  for (size_t i = 1; i < policies.size(); ++i)
    if (std::abs(model_ranks[i] - real_ranks[i]) > std::abs(model_ranks[worst] - real_ranks[worst])) worst = i;
  const auto place = [n = policies.size()](double rank) { return static_cast<double>(n) + 1 - rank; };
  row.note = fmt::format("{} policies", policies.size());
  if (model_ranks[worst] != real_ranks[worst])
    row.note += fmt::format(", the largest disagreement: {}, place {:g} in the model and {:g} in the kernel", policies[worst].policy,
                            place(model_ranks[worst]), place(real_ranks[worst]));
  for (const Objective& o : common) {
    std::vector<double> errors;
    for (const InBothWorlds& p : policies) {
      const double r = MeanInterval(Values(p.real, o.metric)).mean;
      errors.push_back(std::abs(MeanInterval(Values(p.model, o.metric)).mean - r) / r);
    }
    const double largest = *std::max_element(errors.begin(), errors.end());
    row.note += fmt::format("; {} off by {:.0f}% in the median, {:.0f}% at most", o.metric, 100 * Percentile(errors, 0.5), 100 * largest);
  }
  if (policies[0].real.size() > 1) row.note += fmt::format("; halves of the kernel's runs agree by {:.2f}", SelfAgreement(policies, common, tie));
  std::vector<size_t> order(policies.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return real[a] > real[b]; });
  row.note += fmt::format("; scores in kernel / model, in % of {}:", policies[0].policy);
  for (const size_t i : order) row.note += fmt::format("{} {} {:.3g} / {:.3g}", i == order[0] ? "" : ",", policies[i].policy, real[i], model[i]);
  return row;
}

}  // namespace ose
