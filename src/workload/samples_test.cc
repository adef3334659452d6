#include "workload/samples.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace ose {
namespace {

// Old ones count, young ones do not, as against a median that is looked up anew each time; enough of
// them that the median is kept in heaps.
TEST(Samples, AnUnfinishedEventCountsFromTheMedianOn) {
  Rng rng(9);
  GroupSamples s;
  std::vector<double> want;
  for (int i = 0; i < 20'000; ++i) s.latency_us.push_back(static_cast<double>(rng.Below(1'000'000)) / 1000);
  want = s.latency_us;
  std::sort(want.begin(), want.end());
  for (int i = 0; i < 4'000; ++i) {
    const Nanos age{static_cast<int64_t>(rng.Below(1'500'000))};
    const bool only_if_old = rng.Below(4) != 0;
    if (!only_if_old || age.us() >= want[want.size() / 2]) want.insert(std::upper_bound(want.begin(), want.end(), age.us()), age.us());
    s.AddUnfinished(age, Nanos{0}, true, only_if_old);
    ASSERT_EQ(s.latency_us.size(), want.size()) << i;
  }
  std::sort(s.latency_us.begin(), s.latency_us.end());
  EXPECT_EQ(s.latency_us, want);
}

}  // namespace
}  // namespace ose
