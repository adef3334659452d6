#include "calibrate/gaps.h"

#include <gtest/gtest.h>

namespace ose {
namespace {

constexpr int64_t kMs = 1'000'000;

TEST(GapFinder, FindsWhatIsLongerThanTheThreshold) {
  GapFinder f(/*read=*/25, /*threshold=*/1'000);
  for (int64_t t : {100, 125, 150, 1'150, 1'175, 4'000, 4'025}) f.See(t);
  ASSERT_EQ(f.gaps().size(), 1u);  // 150 to 1150 is exactly the threshold
  EXPECT_EQ(f.gaps()[0].begin, 1'175);
  EXPECT_EQ(f.gaps()[0].length, 2'825 - 25);
}

TEST(AreTicks, ThoseOfTheUsualPhase) {
  std::vector<Gap> gaps;
  for (int64_t i = 0; i < 10; ++i) gaps.push_back({i * 4 * kMs + 3'990'000 + i % 3 * 20'000, 3'000});  // across the boundary of the period
  gaps.push_back({2 * kMs, 9'000});
  gaps.push_back({17 * kMs, 9'000});
  const std::vector<bool> ticks = AreTicks(gaps, Nanos::Millis(4));
  for (size_t i = 0; i < 10; ++i) EXPECT_TRUE(ticks[i]) << i;
  EXPECT_FALSE(ticks[10]);
  EXPECT_FALSE(ticks[11]);
}

TEST(AreTicks, NoneWithoutARhythm) {
  std::vector<Gap> spread;
  for (int64_t i = 0; i < 40; ++i) spread.push_back({i * 4 * kMs + i * 100'000, 3'000});
  for (bool tick : AreTicks(spread, Nanos::Millis(4))) EXPECT_FALSE(tick);
  const std::vector<Gap> few = {{0, 1}, {4 * kMs, 1}};
  for (bool tick : AreTicks(few, Nanos::Millis(4))) EXPECT_FALSE(tick);
  for (bool tick : AreTicks(spread, Nanos{0})) EXPECT_FALSE(tick);
  EXPECT_TRUE(AreTicks({}, Nanos::Millis(4)).empty());
}

TEST(PhaseLock, OneForAPeriodAndNothingForNone) {
  const std::vector<int64_t> locked = {1'000, 5'000, 13'000, 401'000}, opposite = {0, 2'000};
  EXPECT_NEAR(PhaseLock(locked, 4'000), 1, 1e-9);
  EXPECT_NEAR(PhaseLock(opposite, 4'000), 0, 1e-9);
  EXPECT_EQ(PhaseLock({}, 4'000), 0);
}

TEST(TickOf, TheLongestThatExplainsTheTurns) {
  for (int64_t tick : {10'000'000, 4'000'000, 3'333'333, 1'000'000}) {
    std::vector<int64_t> turns;
    // Slices of two to four ticks, noticed up to 5 us later.
    for (int64_t i = 0, t = 777'000; i < 40; ++i) turns.push_back((t += tick * (2 + i * i % 3)) + i % 5 * 1'000);
    EXPECT_EQ(TickOf(turns).v, tick);
  }
  std::vector<int64_t> anywhere;
  for (int64_t i = 0; i < 40; ++i) anywhere.push_back(i * 7'654'321);
  EXPECT_EQ(TickOf(anywhere).v, 0);
  EXPECT_EQ(TickOf(std::vector<int64_t>{4 * kMs, 8 * kMs}).v, 0);  // too few
}

}  // namespace
}  // namespace ose
