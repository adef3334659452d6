#include "core/stats.h"

#include <algorithm>
#include <bit>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>

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

namespace {

// Of a double, in the same order: the bits of positive ones are ascending integers as they are. A
// difference of keys is a ratio of values, so buckets of keys divide any range of durations well.
int64_t OrderedKey(double x) {
  const auto bits = std::bit_cast<int64_t>(x);
  return bits ^ (bits >> 63 & std::numeric_limits<int64_t>::max());
}

constexpr size_t kSortBelow = 1024;
constexpr int kBucketBits = 12;

}  // namespace

// Counts the samples in buckets of their keys, then orders only those that share a bucket with a
// quantile: two passes, against two or three comparisons each and their mispredictions for every
// quantile with nth_element.
std::vector<double> Percentiles(std::span<const double> xs, std::span<const double> ps) {
  std::vector<double> out;
  auto index_of = [&](double p) { return static_cast<size_t>(p * static_cast<double>(xs.size() - 1)); };
  if (xs.size() < kSortBelow) {
    std::vector<double> sorted(xs.begin(), xs.end());
    std::sort(sorted.begin(), sorted.end());
    for (double p : ps) out.push_back(sorted[index_of(p)]);
    return out;
  }
  int64_t least = OrderedKey(xs[0]), most = least;
  for (double x : xs) {
    const int64_t key = OrderedKey(x);
    least = std::min(least, key);
    most = std::max(most, key);
  }
  const auto origin = static_cast<uint64_t>(least);
  const int shift = std::max(0, static_cast<int>(std::bit_width(static_cast<uint64_t>(most) - origin)) - kBucketBits);
  auto bucket_of = [&](double x) { return (static_cast<uint64_t>(OrderedKey(x)) - origin) >> shift; };
  std::vector<size_t> before((1 << kBucketBits) + 1, 0);  // samples in lower buckets
  for (double x : xs) ++before[bucket_of(x) + 1];
  std::partial_sum(before.begin(), before.end(), before.begin());

  // What shares a bucket with a quantile, one list a bucket.
  std::vector<std::vector<double>> lists;
  std::vector<uint8_t> list_of(1 << kBucketBits, 0);  // index into `lists`, plus 1
  auto bucket_at = [&](size_t k) { return static_cast<size_t>(std::upper_bound(before.begin(), before.end(), k) - before.begin()) - 1; };
  for (double p : ps) {
    const size_t b = bucket_at(index_of(p));
    if (list_of[b]) continue;
    lists.emplace_back().reserve(before[b + 1] - before[b]);
    list_of[b] = static_cast<uint8_t>(lists.size());
  }
  for (double x : xs)
    if (const uint8_t list = list_of[bucket_of(x)]) lists[list - 1u].push_back(x);
  for (double p : ps) {
    const size_t k = index_of(p), b = bucket_at(k);
    std::vector<double>& list = lists[list_of[b] - 1u];
    const auto at = list.begin() + static_cast<std::ptrdiff_t>(k - before[b]);
    std::nth_element(list.begin(), at, list.end());
    out.push_back(*at);
  }
  return out;
}

}  // namespace ose
