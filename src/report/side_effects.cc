#include "report/side_effects.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "core/metrics.h"
#include "report/rows.h"

namespace ose {
namespace {

constexpr double kTenth = 10;         // per cent
constexpr double kLeastOverhead = 1;  // percentage points of the CPUs' time

bool Matters(std::string_view metric) {
  const std::string_view name = metric.substr(metric.rfind('.') + 1);
  return name == "throughput" || name == "overhead" || name == "fairness" || name.starts_with("latency") || name.starts_with("slowdown");
}

// How many times worse, as a logarithm.
double Size(const MetricEffect& e) { return std::abs(std::log(e.to / e.from)); }

}  // namespace

std::vector<MetricEffect> SideEffects(const std::vector<Objective>& objectives, const Evaluation& from, const Evaluation& to, size_t most) {
  std::vector<MetricEffect> out;
  if (from.seeds.size() != to.seeds.size() || to.seeds.empty()) return out;
  for (const auto& [name, value] : to.seeds[0].metrics) {
    const MetricInfo* info = FindMetric(name);
    if (!info || IsObjective(objectives, name) || !Matters(name)) continue;
    const std::optional<MetricEffect> e = EffectOn(name, from, to);
    if (!e || (name == "overhead" && e->to - e->from < kLeastOverhead)) continue;
    if (info->better == Direction::kMinimize ? e->change_pct.lo > kTenth : e->change_pct.hi < -kTenth) out.push_back(*e);
  }
  std::sort(out.begin(), out.end(), [](const MetricEffect& a, const MetricEffect& b) {
    return Size(a) != Size(b) ? Size(a) > Size(b) : a.metric < b.metric;
  });
  if (out.size() > most) out.resize(most);
  return out;
}

std::string SideEffectsText(const std::vector<MetricEffect>& effects, const std::string& baseline) {
  if (effects.empty()) return "";
  std::string text = fmt::format("no objective, and worse than under {}:\n", baseline);
  for (const MetricEffect& e : effects)
    text += e.metric == "overhead" ? fmt::format("  {:<28} {:.2f}% of the CPUs' time, {:.2f}% under it\n", e.metric, e.to, e.from)
                                   : fmt::format("  {:<28} {}\n", e.metric, GainText(e.change_pct));
  return text;
}

nlohmann::json SideEffectsJson(const std::vector<MetricEffect>& effects) {
  nlohmann::json out = nlohmann::json::array();
  for (const MetricEffect& e : effects) {
    out.push_back(MetricEffectJson(e));
    out.back()["metric"] = e.metric;
  }
  return out;
}

}  // namespace ose
