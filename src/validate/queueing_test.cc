// The formulas against values that were worked out by hand or by an independent simulator (20 M jobs, 95%
// interval by 30 batch means), and against each other where theory says that they meet.
#include "validate/queueing.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ose {
namespace {

const SizeLaw kExp({.kind = Dist::Kind::kExponential, .a = 1});
const SizeLaw kHalf({.kind = Dist::Kind::kMix, .value = {1, 100}, .weight = {50, 50}});
const SizeLaw kRare({.kind = Dist::Kind::kMix, .value = {0.5, 500}, .weight = {99.5, 0.5}});
const SizeLaw kUniform({.kind = Dist::Kind::kUniform, .a = 0.5, .b = 1.5});
const SizeLaw kLognormal({.kind = Dist::Kind::kLognormal, .a = 3, .b = 2});

double Rate(const SizeLaw& sizes, double load) { return load / sizes.Mean(); }

TEST(SizeLaw, Moments) {
  EXPECT_DOUBLE_EQ(kHalf.Mean(), 50.5);
  EXPECT_NEAR(kHalf.SquaredVariation(), 0.961, 5e-4);
  EXPECT_NEAR(kRare.Mean(), 2.9975, 1e-12);
  EXPECT_NEAR(kRare.SquaredVariation(), 138, 0.5);
  EXPECT_DOUBLE_EQ(kExp.Moment(2), 2);
  EXPECT_NEAR(kUniform.Moment(2), 1 + 1.0 / 12, 1e-12);
  EXPECT_NEAR(kLognormal.Mean(), 3, 1e-12);
  EXPECT_NEAR(kLognormal.SquaredVariation(), 4, 1e-9);
}

TEST(SizeLaw, PartsAddUp) {
  for (const SizeLaw* s : {&kExp, &kHalf, &kRare, &kUniform, &kLognormal}) {
    EXPECT_NEAR(s->Expect([](double) { return 1; }), 1, 1e-9);
    EXPECT_NEAR(s->Expect([](double x) { return x * x; }) / s->Moment(2), 1, 1e-7);
    // E[min(S, x)] is the integral of the tail.
    double sum = 0;
    const double x = s->Mean(), step = x / 20000;
    for (double t = step / 2; t < x; t += step) sum += s->Tail(t) * step;
    EXPECT_NEAR(s->MinMoment(1, x) / sum, 1, 1e-3);
  }
  EXPECT_DOUBLE_EQ(kHalf.PartialMoment(1, 1), 0.5);
  EXPECT_DOUBLE_EQ(kHalf.PartialBelow(1, 1), 0);
  EXPECT_DOUBLE_EQ(kHalf.Tail(1), 0.5);
  EXPECT_TRUE(std::isinf(kExp.MeanInverse()));
  EXPECT_NEAR(kUniform.MeanInverse(), std::log(3), 1e-9);
  EXPECT_NEAR(kHalf.MeanInverse(), 0.505, 1e-12);
}

TEST(Queueing, MMk) {
  EXPECT_NEAR((MMk{1, 0.8, 1}).MeanResponse(), 5, 1e-12);
  EXPECT_NEAR((MMk{16, 12.8, 1}).MeanResponse(), 1.0953, 5e-5);
  // Two servers, by hand: a = 1.6, C = 2 rho^2 / (1 + rho) = 0.71111.
  EXPECT_NEAR(ErlangC(2, 1.6), 2 * 0.64 / 1.8, 1e-12);
  const MMk q{16, 12.8, 1};
  EXPECT_DOUBLE_EQ(q.WaitExceeds(0), q.WaitProbability());
  EXPECT_NEAR(q.WaitExceeds(q.WaitQuantile(0.99)), 0.01, 1e-12);
  EXPECT_EQ((MMk{16, 1.6, 1}).WaitQuantile(0.99), 0);  // hardly anybody waits
  EXPECT_NEAR(MM1ResponseQuantile(0.8, 1, 0.5), 5 * std::log(2), 1e-12);
}

TEST(Queueing, Fcfs) {
  EXPECT_NEAR(FcfsResponse(Rate(kHalf, 0.8), kHalf), 248.54, 5e-3);
  EXPECT_NEAR(FcfsSlowdown(Rate(kHalf, 0.8), kHalf), 101.01, 5e-3);
  EXPECT_NEAR(FcfsResponse(Rate(kRare, 0.8), kRare), 837.2, 5e-2);
  EXPECT_NEAR(FcfsResponse(0.8, kExp), 5, 1e-12);
  EXPECT_TRUE(std::isinf(FcfsSlowdown(0.8, kExp)));
}

TEST(Queueing, Sharing) {
  EXPECT_NEAR(SharingSlowdown(16, 0.8), 1.0953, 5e-5);
  EXPECT_NEAR(SharingSlowdown(1, 0.8), 5, 1e-12);
  // For exponential sizes all that do not look at sizes have the same mean.
  EXPECT_NEAR(SharingSlowdown(2, 0.8), (MMk{2, 1.6, 1}).MeanResponse(), 1e-12);
}

TEST(Queueing, Srpt) {
  EXPECT_NEAR(SrptMeanResponse(0.8, kExp), 2.3528, 5e-5);
  EXPECT_NEAR(SrptMeanResponse(Rate(kHalf, 0.8), kHalf), 150.71, 5e-3);
  EXPECT_NEAR(SrptMeanSlowdown(Rate(kHalf, 0.8), kHalf), 2.0060, 5e-5);
  EXPECT_NEAR(SrptMeanResponse(Rate(kRare, 0.8), kRare), 8.228, 5e-4);
  // Nothing to choose among equal sizes: FCFS.
  const SizeLaw one({.kind = Dist::Kind::kConstant, .a = 2});
  EXPECT_NEAR(SrptMeanResponse(0.35, one), FcfsResponse(0.35, one), 1e-12);
}

TEST(Queueing, Las) {
  // A constant hazard rate: attained service says nothing, so LAS is FCFS in the mean.
  EXPECT_NEAR(LasMeanResponse(0.8, kExp), 5, 1e-6);
  // Two sizes by hand. x = 1: everybody is cut to 1, rho = .8/50.5; x = 100: nobody is cut.
  const double lambda = Rate(kHalf, 0.8), cut = 1 - lambda;
  const double small = lambda / (2 * cut * cut) + 1 / cut;
  const double large = lambda * 5000.5 / (2 * 0.04) + 100 / 0.2;
  EXPECT_NEAR(LasMeanResponse(lambda, kHalf), (small + large) / 2, 1e-9);
  EXPECT_NEAR(LasMeanSlowdown(lambda, kHalf), (small + large / 100) / 2, 1e-9);
}

TEST(Queueing, NobodyBeatsSrpt) {
  for (const SizeLaw* s : {&kExp, &kHalf, &kRare, &kUniform, &kLognormal})
    for (double load : {0.2, 0.5, 0.9}) {
      const double lambda = Rate(*s, load), best = SrptMeanResponse(lambda, *s);
      EXPECT_LE(best, FcfsResponse(lambda, *s) * (1 + 1e-9));
      EXPECT_LE(best, LasMeanResponse(lambda, *s) * (1 + 1e-9));
      EXPECT_LE(best, s->Mean() / (1 - load) * (1 + 1e-9));
    }
}

TEST(Queueing, Priority) {
  // One class is FCFS; two alike average to it (the conservation law of Kleinrock 1965).
  const PriorityClass all[] = {{0.8, kExp}};
  EXPECT_NEAR(PriorityWait(all, 0), PollaczekKhinchineWait(0.8, kExp), 1e-12);
  const PriorityClass two[] = {{0.3, kExp}, {0.5, kExp}};
  EXPECT_NEAR((0.3 * PriorityWait(two, 0) + 0.5 * PriorityWait(two, 1)) / 0.8, PollaczekKhinchineWait(0.8, kExp), 1e-12);
  EXPECT_NEAR(PriorityWait(two, 0), 0.8 / 0.7, 1e-12);
  EXPECT_NEAR(PriorityWait(two, 1), 0.8 / (0.7 * 0.2), 1e-12);
}

TEST(Queueing, Capacity) {
  // 1 us: one quantum; 100 us: 20 of 5 us, so 19 preemptions of 1 us for every other job.
  EXPECT_NEAR(QuantumCapacity(14, kHalf, 5, 1, 0), 14 / (50.5 + 9.5), 1e-12);
  EXPECT_NEAR(QuantumCapacity(14, kHalf, 2, 0.1, 0.5), 14 / (50.5 + 0.5 + 2.45), 1e-12);
  EXPECT_NEAR(QuantumCapacity(1, kRare, 5, 1, 0), 1 / (2.9975 + 0.005 * 99), 1e-12);
}

}  // namespace
}  // namespace ose
