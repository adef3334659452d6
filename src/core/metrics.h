// Metrics: what one run (one policy, workload, machine and seed) measured, by name.
//
// Names are `metric` for the whole workload and `group.metric` for one group of tasks; the
// catalogue with units and directions is MetricCatalogue() and docs/metrics.md. A metric that
// does not apply to a workload (latency without events) is absent, never 0.
#ifndef OSEVOLVE_CORE_METRICS_H_
#define OSEVOLVE_CORE_METRICS_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ose {

using Metrics = std::map<std::string, double, std::less<>>;

enum class Direction { kMaximize, kMinimize };

struct MetricInfo {
  std::string_view name;  // without a group prefix
  std::string_view unit;  // "us", "events/s", "1" (dimensionless), "%"
  Direction better;
  std::string_view what;
};

const std::vector<MetricInfo>& MetricCatalogue();

// Looks a metric up with or without its group prefix; null when there is none of that name.
const MetricInfo* FindMetric(std::string_view name);

}  // namespace ose

#endif  // OSEVOLVE_CORE_METRICS_H_
