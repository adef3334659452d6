#include "core/stats.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>

namespace ose {

Interval MeanInterval(std::span<const double> xs, double confidence) {
  const double n = static_cast<double>(xs.size());
  if (xs.empty()) return {};
  double mean = 0;
  for (double x : xs) mean += x;
  mean /= n;
  if (xs.size() == 1) return {mean, mean, mean};
  double ss = 0;
  for (double x : xs) ss += (x - mean) * (x - mean);
  double half = 0;
  if (ss > 0) {
    boost::math::students_t t(n - 1);
    half = boost::math::quantile(boost::math::complement(t, (1 - confidence) / 2)) * std::sqrt(ss / (n - 1) / n);
  }
  return {mean, mean - half, mean + half};
}

Interval PairedGainPct(std::span<const double> a, std::span<const double> b, double confidence) {
  std::vector<double> logs;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!(a[i] > 0) || !(b[i] > 0)) return {-100, -100, std::numeric_limits<double>::infinity()};
    logs.push_back(std::log(b[i] / a[i]));
  }
  Interval l = MeanInterval(logs, confidence);
  auto pct = [](double x) { return 100 * std::expm1(x); };
  return {pct(l.mean), pct(l.lo), pct(l.hi)};
}

double Percentile(std::vector<double>& xs, double p) {
  auto k = static_cast<std::ptrdiff_t>(p * static_cast<double>(xs.size() - 1));
  std::nth_element(xs.begin(), xs.begin() + k, xs.end());
  return xs[static_cast<size_t>(k)];
}

}  // namespace ose
