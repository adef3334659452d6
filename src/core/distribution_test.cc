#include "core/distribution.h"

#include <gtest/gtest.h>

#include "core/stats.h"

namespace ose {
namespace {

TEST(Distribution, TheGridAscendsTowardsOne) {
  EXPECT_EQ(QuantileAt(0), 0);
  for (int i = 1; i < kQuantiles; ++i) EXPECT_GT(QuantileAt(i), QuantileAt(i - 1)) << i;
  EXPECT_NEAR(QuantileAt(450), 0.9, 1e-12);
  EXPECT_NEAR(1 - QuantileAt(450 + 220), 1e-3, 1e-12);
  EXPECT_LT(1 - QuantileAt(kQuantiles - 1), 1.1e-6);
}

TEST(Distribution, HasThePercentilesOfItsSamples) {
  std::vector<double> xs;
  for (int i = 0; i < 997; ++i) xs.push_back((i * 571) % 997);
  const Distribution d = MakeDistribution(xs);
  EXPECT_EQ(d.count, 997);
  ASSERT_EQ(d.values.size(), static_cast<size_t>(kQuantiles));
  for (int i = 0; i < kQuantiles; i += 37) EXPECT_EQ(d.values[static_cast<size_t>(i)], Percentile(xs, QuantileAt(i))) << i;
}

TEST(Distribution, OfNothingIsEmpty) { EXPECT_EQ(MakeDistribution({}), Distribution{}); }

}  // namespace
}  // namespace ose
