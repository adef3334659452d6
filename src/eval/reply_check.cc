#include "eval/reply_check.h"

#include <fmt/format.h>

#include <cmath>

#include "base/utf8.h"

namespace ose {
namespace {

// Bounds are computed from sums of many durations in another order than the simulator's.
constexpr double kRounding = 1.001;

}  // namespace

std::string CheckReply(const WorkerRun& run, const WorkerReply& reply, const std::vector<Objective>& objectives,
                       const std::function<Metrics(uint64_t seed)>& bounds) {
  std::vector<uint64_t> asked;
  for (const WorkerStep& step : run.steps)
    if (step.report) asked.insert(asked.end(), step.seeds.begin(), step.seeds.end());
  if (reply.results.size() != asked.size()) return "the result is not of the runs that were asked for; the policy forged it";
  for (size_t i = 0; i < asked.size(); ++i) {
    const WorkerSeed& s = reply.results[i];
    if (s.seed != asked[i]) return "the result is not of the runs that were asked for; the policy forged it";
    for (auto& [name, value] : s.metrics)
      if (!std::isfinite(value) || value < 0 || !FindMetric(name)) return fmt::format("the result has an impossible {}; the policy forged it", OneLine(name, 64));
    const Metrics limit = bounds(s.seed);
    for (const Objective& o : objectives) {
      auto m = s.metrics.find(o.metric), b = limit.find(o.metric);
      if (m == s.metrics.end() || b == limit.end() || !(b->second > 0)) continue;
      const bool beyond = o.direction == Direction::kMaximize ? m->second > b->second * kRounding : m->second * kRounding < b->second;
      if (beyond) return fmt::format("{} = {} is beyond the bound of {}, which no policy can be; the policy forged its result", o.metric, m->second, b->second);
    }
  }
  return "";
}

}  // namespace ose
