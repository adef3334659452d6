#include "load/spinner.h"

#include <gtest/gtest.h>

namespace ose {
namespace {

constexpr auto kNever = [] { return false; };

TEST(Spinner, LongRunsUseTheirCpuTime) {
  Spinner spinner(MeasureNsPerBlock(), 64);
  const int64_t begin = ThreadCpuNs();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(spinner.Use(1'000'000, kNever), 1'000'000);
  // At least: what interrupts took is CPU time for the kernel, too.
  EXPECT_GE(ThreadCpuNs() - begin, 9'500'000);
}

TEST(Spinner, ShortRunsCountWorkAndCarryFractions) {
  // A block is said to take 1 us, and each run is 0.4 us: whole blocks are spun when they are due.
  Spinner spinner(1e3, 0);
  for (int i = 0; i < 30; ++i) EXPECT_EQ(spinner.Use(400, kNever), 400);
  EXPECT_EQ(spinner.spun(), 12);
  EXPECT_EQ(spinner.Use(0, kNever), 0);
  EXPECT_EQ(spinner.spun(), 12);
}

TEST(Spinner, StopsWhenAsked) {
  Spinner spinner(MeasureNsPerBlock(), 0);
  int asked = 0;
  const int64_t used = spinner.Use(3'600'000'000'000, [&] { return ++asked == 3; });
  EXPECT_EQ(asked, 3);
  EXPECT_GT(used, 0);
  EXPECT_LT(used, 3'600'000'000'000);
}

}  // namespace
}  // namespace ose
