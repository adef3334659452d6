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

constexpr size_t kSortBelow = 1024;
constexpr int kBucketBits = 12;
constexpr int64_t kInfinite = std::bit_cast<int64_t>(std::numeric_limits<double>::infinity());

}  // namespace

// The bits of positive doubles are ascending integers as they are, and a difference of these is a ratio of values, so
// buckets of them divide any range of durations well. Counts the samples in buckets, then orders only those that share a
// bucket with a quantile: a few passes, against two or three comparisons each and their mispredictions for every
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
  // Zeros are common among durations and as far from all others as a key can be: what is not positive has bucket 0.
  int64_t origin = kInfinite, highest = 0;
  for (double x : xs) {
    const auto bits = std::bit_cast<int64_t>(x);
    origin = bits > 0 ? std::min(origin, bits) : origin;
    highest = std::max(highest, bits);
  }
  const int64_t span = std::max<int64_t>(highest - origin, 0);
  const int shift = std::max(0, static_cast<int>(std::bit_width(static_cast<uint64_t>(span))) - kBucketBits);
  constexpr size_t kBuckets = (1 << kBucketBits) + 1;
  const int64_t below = origin - (int64_t{1} << shift);  // so that the first of them has bucket 1
  auto bucket_of = [&](double x) { return static_cast<size_t>((std::max(std::bit_cast<int64_t>(x), below) - below) >> shift); };
  std::vector<uint32_t> count(kBuckets, 0);
  for (double x : xs) ++count[bucket_of(x)];
  std::vector<size_t> before(kBuckets + 1, 0);  // samples in lower buckets
  for (size_t b = 0; b < kBuckets; ++b) before[b + 1] = before[b] + count[b];

  // What shares a bucket with a quantile, one list a bucket.
  std::vector<std::vector<double>> lists;
  std::vector<uint8_t> list_of(kBuckets, 0);  // index into `lists`, plus 1
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
