// Statistics of few samples: means and paired differences with Student-t intervals
// (quantiles from Boost.Math).
#ifndef OSEVOLVE_CORE_STATS_H_
#define OSEVOLVE_CORE_STATS_H_

#include <span>
#include <vector>

namespace ose {

struct Interval {
  double mean = 0;
  double lo = 0, hi = 0;  // 95% unless said otherwise; equal to the mean for one sample
};

// Mean with its two-sided confidence interval.
Interval MeanInterval(std::span<const double> xs, double confidence = 0.95);

// Gain of b over a in per cent, from samples paired by seed: exp(mean(ln(b/a))) - 1, with its
// interval. A pair in which either side is not positive makes the interval (-100, inf):
// nothing can be claimed. Precondition: equal sizes, at least one.
Interval PairedGainPct(std::span<const double> a, std::span<const double> b, double confidence = 0.95);

// For each p the element at index floor(p · (n - 1)) of the sorted samples (the prototype's rule, see
// docs/metrics.md). O(n). Precondition: xs not empty, no NaN in it; each 0 <= p <= 1;
// fewer than 256 of them.
std::vector<double> Percentiles(std::span<const double> xs, std::span<const double> ps);
inline double Percentile(std::span<const double> xs, double p) { return Percentiles(xs, {&p, 1})[0]; }

}  // namespace ose

#endif  // OSEVOLVE_CORE_STATS_H_
