#include "workload/draw.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace ose {
namespace {

Dist Make(Dist::Kind kind, double a, double b = 0) {
  Dist d;
  d.kind = kind;
  d.a = a;
  d.b = b;
  return d;
}
Dist Mix(std::vector<double> value, std::vector<double> weight) {
  Dist d;
  d.kind = Dist::Kind::kMix;
  d.value = std::move(value);
  d.weight = std::move(weight);
  return d;
}

const std::vector<Dist>& OneOfEach() {
  using K = Dist::Kind;
  static const std::vector<Dist> kDists = {
      Make(K::kConstant, 1500.4),    Make(K::kUniform, 1e3, 9e3),          Make(K::kExponential, 1e6),
      Make(K::kLognormal, 2e6, 1.5), Make(K::kPareto, 1e4, 2.5),           Mix({1e3, 1e5}, {50, 50}),
      Mix({7e3}, {1}),               Mix({5.7e3, 6e3, 2e4, 8.8e4, 1e5}, {44, 4, 44, 4, 4}),
      Mix({10, 20, 30}, {0, 1, 0}),
  };
  return kDists;
}

std::vector<int64_t> Draw(const Dist& d, int n, uint64_t seed = 7) {
  Rng rng(seed);
  std::vector<int64_t> xs;
  for (int i = 0; i < n; ++i) xs.push_back(Sample(d, rng).v);
  return xs;
}

// Mean of n draws within 5 standard errors of the theoretical one.
void ExpectMean(const Dist& d, double cv) {
  const int n = 200'000;
  double sum = 0;
  for (int64_t x : Draw(d, n)) sum += static_cast<double>(x);
  EXPECT_NEAR(sum / n / d.Mean(), 1.0, 5 * cv / std::sqrt(n));
}

double Quantile(const Dist& d, double p) {
  std::vector<int64_t> xs = Draw(d, 200'000);
  std::sort(xs.begin(), xs.end());
  return static_cast<double>(xs[static_cast<size_t>(p * static_cast<double>(xs.size() - 1))]);
}

TEST(DrawTest, MeansAgreeWithTheory) {
  using K = Dist::Kind;
  ExpectMean(Make(K::kUniform, 1e3, 9e3), 8 / std::sqrt(12.0) / 5);
  ExpectMean(Make(K::kExponential, 1e6), 1);
  ExpectMean(Make(K::kLognormal, 2e6, 1.5), 1.5);
  ExpectMean(Make(K::kPareto, 1e4, 3.5), 1 / std::sqrt(3.5 * 1.5));  // cv^2 = 1 / (b (b - 2))
  ExpectMean(Mix({1e3, 1e5}, {50, 50}), 0.981);                      // C^2 0.961 (Shinjuku, NSDI'19)
  ExpectMean(Mix({500, 5e5}, {99.5, 0.5}), std::sqrt(138.5));
}

TEST(DrawTest, MeanOfMixesInMicroseconds) {
  EXPECT_DOUBLE_EQ(Mix({1, 100}, {50, 50}).Mean(), 50.5);
  EXPECT_NEAR(Mix({0.5, 500}, {99.5, 0.5}).Mean(), 2.9975, 1e-12);
  EXPECT_NEAR(Mix({5.7, 6, 20, 88, 100}, {44, 4, 44, 4, 4}).Mean(), 19.068, 1e-12);
  EXPECT_DOUBLE_EQ(Make(Dist::Kind::kPareto, 1, 3).Mean(), 1.5);
}

TEST(DrawTest, QuantilesAgreeWithTheory) {
  using K = Dist::Kind;
  Dist e = Make(K::kExponential, 1e6);
  EXPECT_NEAR(Quantile(e, 0.5) / (1e6 * std::log(2.0)), 1, 0.02);
  EXPECT_NEAR(Quantile(e, 0.99) / (1e6 * std::log(100.0)), 1, 0.02);
  Dist l = Make(K::kLognormal, 2e6, 1.5);  // median = mean / sqrt(1 + cv^2)
  EXPECT_NEAR(Quantile(l, 0.5) / (2e6 / std::sqrt(3.25)), 1, 0.02);
  Dist p = Make(K::kPareto, 1e4, 2.5);  // x_q = a (1 - q)^(-1/b)
  EXPECT_NEAR(Quantile(p, 0.9) / (1e4 * std::pow(0.1, -0.4)), 1, 0.02);
  EXPECT_NEAR(Quantile(Make(K::kUniform, 1e3, 9e3), 0.25) / 3e3, 1, 0.02);
}

TEST(DrawTest, SamplerEqualsSampleDrawForDraw) {
  for (const Dist& d : OneOfEach()) {
    Sampler sampler(d);
    Rng a(42), b(42);
    for (int i = 0; i < 10'000; ++i) ASSERT_EQ(sampler(a), Sample(d, b).v) << "kind " << static_cast<int>(d.kind);
    EXPECT_EQ(a(), b());  // and both consumed the same bits
  }
}

TEST(DrawTest, WeightZeroIsNeverDrawn) {
  for (int64_t x : Draw(Mix({10, 20, 30}, {0, 1, 0}), 10'000)) ASSERT_EQ(x, 20);
}

TEST(DrawTest, DrawsAreWholeNonNegativeAndCut) {
  for (int64_t x : Draw(Make(Dist::Kind::kExponential, 0.3), 10'000)) ASSERT_GE(x, 0);
  for (int64_t x : Draw(Make(Dist::Kind::kPareto, 1e14, 1.01), 10'000)) ASSERT_LE(x, kMaxDrawNs);
  EXPECT_EQ(Draw(Make(Dist::Kind::kConstant, 1.5), 1)[0], 2);
  EXPECT_EQ(Draw(Make(Dist::Kind::kExponential, 0), 1)[0], 0);
}

// Golden: these values are what makes stored scores reproducible. A change here invalidates
// every database; it must be deliberate.
TEST(DrawTest, FirstDrawsAreFixedForEver) {
  using K = Dist::Kind;
  using V = std::vector<int64_t>;
  EXPECT_EQ(Draw(Make(K::kUniform, 1e3, 9e3), 4), (V{4119, 1134, 8206, 5663}));
  EXPECT_EQ(Draw(Make(K::kExponential, 1e6), 4), (V{272632, 63448, 6252210, 484813}));
  EXPECT_EQ(Draw(Make(K::kLognormal, 2e6, 1.5), 4), (V{1633345, 1060776, 38282, 2108877}));
  EXPECT_EQ(Draw(Make(K::kPareto, 1e4, 2.5), 4), (V{12185, 10068, 25196, 14188}));
  EXPECT_EQ(Draw(Mix({1e3, 1e5}, {50, 50}), 8), (V{1000, 1000, 100000, 100000, 1000, 1000, 1000, 1000}));
}

TEST(DrawTest, StreamsAreFixedAndDifferent) {
  std::vector<uint64_t> first = {TaskStream(1, 0, 0)(),    TaskStream(1, 0, 1)(),    TaskStream(1, 1, 0)(),
                                 TaskStream(2, 0, 0)(),    ArrivalStream(1, 0)(),    ArrivalStream(1, 1)(),
                                 RequestStream(1, 0, 0)(), RequestStream(1, 0, 1)(), RequestStream(1, 1, 0)()};
  EXPECT_EQ(first[0], 4331768450504212810u);
  EXPECT_EQ(first[4], 3506493252750751545u);
  EXPECT_EQ(first[6], 5807231445574921949u);
  std::sort(first.begin(), first.end());
  EXPECT_EQ(std::unique(first.begin(), first.end()), first.end());
}

Workload OneRequestGroup(Arrivals arrivals) {
  Workload w;
  w.dists.push_back(Mix({1e3, 1e5}, {50, 50}));
  Group g;
  g.arrivals = arrivals;
  Op run;
  run.drawn = true;
  g.program.push_back(run);
  w.groups.push_back(g);
  return w;
}

TEST(DrawTest, LoadBecomesARate) {
  // load 0.8 on 4 CPUs of work 50.5 us: 0.8 * 4 / 50.5e-6 per second.
  Workload w = OneRequestGroup({Arrivals::Kind::kPoisson, 0, 0.8});
  EXPECT_NEAR(ArrivalRate(w, w.groups[0], 4), 0.8 * 4 / 50.5e-6, 1e-6);
  EXPECT_EQ(ArrivalRate(w, Group{}, 4), 0);
}

TEST(DrawTest, PoissonArrivalsHaveTheRate) {
  Workload w = OneRequestGroup({Arrivals::Kind::kPoisson, 1e5, 0});
  ArrivalProcess arrivals(w, 0, 4, 9);
  Rng stream = ArrivalStream(9, 0);
  Dist gap = Make(Dist::Kind::kExponential, 1e4);
  Nanos expected{0}, now{0};
  for (int i = 0; i < 100'000; ++i) {
    now = arrivals.Next();
    expected += Sample(gap, stream);
    ASSERT_EQ(now, expected);
  }
  EXPECT_NEAR(now.s(), 1.0, 5 / std::sqrt(1e5));
}

TEST(DrawTest, PeriodicArrivalsDoNotDrift) {
  Workload w = OneRequestGroup({Arrivals::Kind::kPeriodic, 3e5, 0});  // period 3333.33 ns
  ArrivalProcess arrivals(w, 0, 4, 9);
  EXPECT_EQ(arrivals.Next().v, 3333);
  EXPECT_EQ(arrivals.Next().v, 6667);
  EXPECT_EQ(arrivals.Next().v, 10000);
}

TEST(DrawTest, MeanWorkMultipliesNestedLoops) {
  Workload w = OneRequestGroup({});
  // run 10; loop 3 { run 5; loop 2 { run 1 } }; run mix: 10 + 3 * (5 + 2) + 50500
  Group g;
  g.program = {{OpKind::kRun, false, 0, 1, 10}, {OpKind::kLoop, false, 0, 3, 0}, {OpKind::kRun, false, 0, 1, 5},
               {OpKind::kLoop, false, 0, 2, 0}, {OpKind::kRun, false, 0, 1, 1},  {OpKind::kEndLoop},
               {OpKind::kEndLoop},              {OpKind::kRun, true, 0, 1, 0}};
  EXPECT_DOUBLE_EQ(MeanWork(w, g), 31 + 50500);
}

TEST(DrawTest, TaskCountSumsGroups) {
  Workload w;
  w.groups.resize(2);
  w.groups[0].count = 3;
  w.groups[1].count = 4;
  EXPECT_EQ(w.TaskCount(), 7);
}

}  // namespace
}  // namespace ose
