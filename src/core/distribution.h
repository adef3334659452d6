// Distribution: all samples of one run (latencies, ...) as quantiles on a fixed grid, for drawing. The
// grid is the same for all, so that runs can be averaged point by point, and dense in the upper tail.
#ifndef OSEVOLVE_CORE_DISTRIBUTION_H_
#define OSEVOLVE_CORE_DISTRIBUTION_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ose {

// 450 steps of 0.2% up to the 90th percentile; from there 110 for each factor of ten, to 1 - 1e-6.
inline constexpr int kQuantiles = 1000;
double QuantileAt(int i);  // in [0, 1), ascending

struct Distribution {
  int64_t count = 0;           // of samples
  std::vector<double> values;  // kQuantiles of them, as Percentile() gives them; empty without samples
  bool operator==(const Distribution&) const = default;
};
// By name: latency, slowdown, start, wakeup (docs/metrics.md), with "GROUP." before for one group.
using Distributions = std::map<std::string, Distribution>;

Distribution MakeDistribution(std::vector<double> samples);

}  // namespace ose

#endif  // OSEVOLVE_CORE_DISTRIBUTION_H_
