// DurationHistogram: durations in buckets whose width is 1/128 of their value or less, so that any
// number of them takes the same room. Count, sum and maximum are exact.
#ifndef OSEVOLVE_SIM_DURATION_HISTOGRAM_H_
#define OSEVOLVE_SIM_DURATION_HISTOGRAM_H_

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "base/time.h"
#include "core/schedule_profile.h"

namespace ose {

class DurationHistogram {
 public:
  void Add(Nanos d) {
    const auto v = static_cast<uint64_t>(std::max<int64_t>(d.v, 0));
    const size_t bucket = BucketOf(v);
    if (bucket >= counts_.size()) counts_.resize(bucket + 1, 0);
    ++counts_[bucket];
    ++count_;
    total_ += static_cast<int64_t>(v);
    min_ = std::min(min_, static_cast<int64_t>(v));
    max_ = std::max(max_, static_cast<int64_t>(v));
  }

  // The sample at index floor(p (n - 1)) of the sorted ones, as in metrics, to the middle of its bucket.
  int64_t Quantile(double p) const {
    if (count_ == 0) return 0;
    const auto index = static_cast<int64_t>(p * static_cast<double>(count_ - 1));
    int64_t seen = 0;
    for (size_t b = 0; b < counts_.size(); ++b)
      if ((seen += counts_[b]) > index) return std::clamp(MiddleOf(b), min_, max_);
    return max_;
  }

  ProfileTimes Times() const {
    return {.count = count_, .total_ns = total_, .p50_ns = Quantile(0.5), .p99_ns = Quantile(0.99), .max_ns = max_};
  }

 private:
  // Below 256 a bucket each; then 128 buckets per power of two.
  static size_t BucketOf(uint64_t v) {
    if (v < 256) return static_cast<size_t>(v);
    const int shift = std::bit_width(v) - 8;
    return static_cast<size_t>(shift) * 128 + static_cast<size_t>(v >> shift);
  }
  static int64_t MiddleOf(size_t bucket) {
    if (bucket < 256) return static_cast<int64_t>(bucket);
    const auto shift = static_cast<int>(bucket / 128) - 1;
    const auto top = static_cast<int64_t>(bucket % 128) + 128;
    return (top << shift) + (int64_t{1} << shift) / 2;
  }

  std::vector<int64_t> counts_;  // up to the largest bucket in use
  int64_t count_ = 0, total_ = 0, max_ = 0;
  int64_t min_ = INT64_MAX;
};

}  // namespace ose

#endif  // OSEVOLVE_SIM_DURATION_HISTOGRAM_H_
