#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "core/stats.h"

namespace ose {
namespace {

const std::vector<double> kPs = {0, 0.5, 0.5, 0.95, 0.99, 0.999, 1};

void ExpectAsSorted(const std::vector<double>& xs, const std::string& what) {
  std::vector<double> sorted = xs, want;
  std::sort(sorted.begin(), sorted.end());
  for (double p : kPs) want.push_back(sorted[static_cast<size_t>(p * static_cast<double>(xs.size() - 1))]);
  EXPECT_EQ(Percentiles(xs, kPs), want) << what << ", " << xs.size() << " samples";
}

TEST(Percentiles, AreThoseOfTheSortedSamples) {
  Rng rng(7);
  for (size_t n : {1, 2, 3, 31, 1023, 1024, 1025, 50'000}) {
    auto fill = [&](auto draw) {
      std::vector<double> xs(n);
      for (double& x : xs) x = draw();
      return xs;
    };
    ExpectAsSorted(fill([&] { return 1e6 * rng.Unit(); }), "uniform");
    ExpectAsSorted(fill([&] { return std::exp(40 * (rng.Unit() - 0.5)); }), "over 17 decades");
    ExpectAsSorted(fill([&] { return rng.Unit() - 0.5; }), "of both signs");
    ExpectAsSorted(fill([&] { return static_cast<double>(rng.Below(3)); }), "few values");
    ExpectAsSorted(fill([&] { return 4.25; }), "one value");
    ExpectAsSorted(fill([&] { return 1 + 1e-12 * rng.Unit(); }), "close together");
  }
}

}  // namespace
}  // namespace ose
