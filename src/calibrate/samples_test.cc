#include "calibrate/samples.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ose {
namespace {

const auto kMedian = [](const SampleView& v) { return v.Quantile("x", 0.5); };

TEST(Samples, QuantilesAndMeansAreThoseOfAllRounds) {
  Samples s;
  for (int round = 0; round < 3; ++round) {
    s.BeginRound();
    for (int i = 0; i < 5; ++i) s.Add("x", 5 * i + round);  // 0 1 2 5 6 7 10 11 12 15 16 17 20 21 22
  }
  s.Discard("x");
  EXPECT_EQ(s.kept("x"), 15);
  EXPECT_EQ(s.discarded("x"), 1);
  EXPECT_EQ(s.Values("x").front(), 0);
  EXPECT_EQ(s.Values("x").back(), 22);
  EXPECT_EQ(s.Estimate(kMedian).mean, 11);
  EXPECT_EQ(s.Estimate([](const SampleView& v) { return v.Quantile("x", 0.25); }).mean, 5);  // index floor(0.25 * 14)
  EXPECT_EQ(s.Estimate([](const SampleView& v) { return v.Mean("x"); }).mean, 11);
}

TEST(Samples, EqualSamplesHaveNoSpread) {
  Samples s;
  for (int round = 0; round < 20; ++round) {
    s.BeginRound();
    s.Add("x", 7);
  }
  const Interval v = s.Estimate(kMedian);
  EXPECT_EQ(v.lo, 7);
  EXPECT_EQ(v.mean, 7);
  EXPECT_EQ(v.hi, 7);
}

// A thousand samples of one round are worth one round: between rounds they differ by 100, within by 1.
TEST(Samples, TheSpreadIsThatBetweenRounds) {
  Samples s;
  for (int round = 0; round < 21; ++round) {
    s.BeginRound();
    for (int i = 0; i < 101; ++i) s.Add("x", 100 * round + 0.01 * i);
  }
  const Interval v = s.Estimate(kMedian);
  EXPECT_NEAR(v.mean, 1000.5, 1);
  EXPECT_GT(v.hi - v.lo, 300);
  EXPECT_LT(v.hi - v.lo, 1600);
  // Reproducible: no generator is seeded by a clock.
  const Interval again = s.Estimate(kMedian);
  EXPECT_EQ(v.lo, again.lo);
  EXPECT_EQ(v.hi, again.hi);
}

// What rises and falls with the round in both series is not in their difference.
TEST(Samples, ADifferenceKeepsWhatSeriesHaveInCommon) {
  Samples s;
  for (int round = 0; round < 20; ++round) {
    s.BeginRound();
    s.Add("a", 1000 + 50 * round);
    s.Add("b", 900 + 50 * round);
  }
  const Interval v = s.Estimate([](const SampleView& view) { return view.Mean("a") - view.Mean("b"); });
  EXPECT_NEAR(v.lo, 100, 1e-9);
  EXPECT_NEAR(v.hi, 100, 1e-9);
}

TEST(Samples, WhatWasNeverMeasuredIsNaN) {
  Samples s;
  EXPECT_TRUE(std::isnan(s.Estimate(kMedian).mean));
  s.BeginRound();
  s.Discard("x");
  EXPECT_TRUE(std::isnan(s.Estimate(kMedian).mean));
  s.Add("x", 3);
  const Interval one_round = s.Estimate(kMedian);
  EXPECT_EQ(one_round.lo, 3);
  EXPECT_EQ(one_round.hi, 3);
}

// 95% intervals of the median of rounds of a known distribution hold the true one about that often.
TEST(Samples, IntervalsHoldTheTruth) {
  uint64_t state = 12345;
  const auto unit = [&] { return static_cast<double>((state = state * 6364136223846793005ULL + 1442695040888963407ULL) >> 11) * 0x1.0p-53; };
  int held = 0;
  constexpr int kTrials = 200;
  for (int trial = 0; trial < kTrials; ++trial) {
    Samples s;
    for (int round = 0; round < 30; ++round) {
      s.BeginRound();
      const double shift = unit() - 0.5;
      for (int i = 0; i < 5; ++i) s.Add("x", shift + 0.2 * (unit() - 0.5));
    }
    const Interval v = s.Estimate(kMedian);
    held += v.lo <= 0 && 0 <= v.hi;
  }
  EXPECT_GE(held, kTrials * 88 / 100);
}

}  // namespace
}  // namespace ose
