// Distributions and arrival processes against their moments, and their form in files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/file.h"
#include "workload/draw.h"
#include "workload/signature.h"

namespace ose {
namespace {

using testing::HasSubstr;

Result<Workload> Parse(const std::string& run, const std::string& more = "", const std::string& file = "t.toml") {
  return ParseWorkload("format = 1\n[[group]]\nname = 'a'\n" + more + "program = [ { run_us = " + run + " } ]\n", file);
}

Dist DistOf(const std::string& run) {
  auto w = Parse(run);
  EXPECT_TRUE(w.ok()) << (w.ok() ? "" : w.error().message);
  if (!w.ok()) return {};
  auto again = ParseWorkload(FormatWorkload(*w), "again");
  EXPECT_TRUE(again.ok() && *again == *w) << FormatWorkload(*w);
  return w->groups[0].program[0].drawn ? w->dists[0] : Dist{.a = static_cast<double>(w->groups[0].program[0].ns)};
}

struct Moments {
  double mean = 0, cv = 0;
};
Moments Draw(const Dist& d, int n) {
  Sampler sampler(d);
  Rng rng(11);
  double sum = 0, squares = 0;
  for (int i = 0; i < n; ++i) {
    const double x = static_cast<double>(sampler(rng));
    sum += x;
    squares += x * x;
  }
  const double mean = sum / n;
  return {mean, std::sqrt(std::max(0.0, squares / n - mean * mean)) / mean};
}

TEST(DistributionTest, MomentsOfEachKind) {
  constexpr int kN = 400'000;
  struct Case {
    const char* text;
    double mean_us, cv;
  };
  for (const Case& c : {
           Case{"50", 50, 0},
           Case{"{ uniform = [10, 30] }", 20, 20 / std::sqrt(12.0) / 20},
           Case{"{ exponential = 40 }", 40, 1},
           Case{"{ lognormal = [40, 1.2] }", 40, 1.2},
           // Shape 5: mean a b / (b - 1), cv 1 / sqrt(b (b - 2)).
           Case{"{ pareto = [8, 5] }", 10, 1 / std::sqrt(15.0)},
           Case{"{ mix = [[1, 50], [100, 50]] }", 50.5, 49.5 / 50.5},
           Case{"{ values = [1, 2, 3, 4, 90] }", 20, std::sqrt((1 + 4 + 9 + 16 + 8100) / 5.0 - 400) / 20},
           // Uniform pieces: 90% over [0, 10], 10% over [10, 110].
           Case{"{ quantiles = [[0, 0], [0.9, 10], [1, 110]] }", 0.9 * 5 + 0.1 * 60, std::sqrt(0.9 * 100 / 3 + 0.1 * (1331000 - 1000) / 300 - 10.5 * 10.5) / 10.5},
       }) {
    const Dist d = DistOf(c.text);
    EXPECT_NEAR(d.Mean() / 1e3, c.mean_us, 1e-9 * c.mean_us) << c.text;
    const Moments m = Draw(d, kN);
    EXPECT_NEAR(m.mean / d.Mean(), 1, 5 * (c.cv + 1e-6) / std::sqrt(kN) + 1e-4) << c.text;
    EXPECT_NEAR(m.cv, c.cv, 0.03 * c.cv + 1e-6) << c.text;
  }
}

TEST(DistributionTest, QuantilesAreThoseThatWereGiven) {
  const Dist d = DistOf("{ quantiles = [[0, 1], [0.5, 10], [0.99, 200], [1, 1000]] }");
  Rng rng(3), same(3);
  Sampler sampler(d);
  std::vector<int64_t> xs;
  for (int i = 0; i < 200'000; ++i) {
    xs.push_back(sampler(rng));
    ASSERT_EQ(xs.back(), Sample(d, same).v);
  }
  std::sort(xs.begin(), xs.end());
  EXPECT_GE(xs.front(), 1000);
  EXPECT_LE(xs.back(), 1'000'000);
  EXPECT_NEAR(static_cast<double>(xs[100'000]), 10e3, 100);
  EXPECT_NEAR(static_cast<double>(xs[198'000]), 200e3, 10e3);
}

TEST(DistributionTest, EmpiricalOnesComeFromFilesBesideTheWorkload) {
  auto dir = TempDir::Make("dist");
  ASSERT_TRUE(dir.ok());
  ASSERT_TRUE(WriteFileAtomic(JoinPath(dir->path(), "v.txt"), "# us\n3 1, 2\n3\n").ok());
  ASSERT_TRUE(WriteFileAtomic(JoinPath(dir->path(), "q.txt"), "0 1\n0.5 2 # median\n1 9\n").ok());
  ASSERT_TRUE(WriteFileAtomic(JoinPath(dir->path(), "bad.txt"), "1\n2x\n").ok());
  const std::string file = JoinPath(dir->path(), "w.toml");
  auto values = Parse("{ values_file = 'v.txt' }", "", file);
  ASSERT_TRUE(values.ok()) << values.error().message;
  EXPECT_EQ(values->dists[0].value, (std::vector<double>{1000, 2000, 3000}));
  EXPECT_EQ(values->dists[0].weight, (std::vector<double>{1, 1, 2}));
  // The canonical text needs no other file.
  EXPECT_TRUE(ParseWorkload(FormatWorkload(*values), "elsewhere") .ok());
  auto quantiles = Parse("{ quantiles_file = 'q.txt' }", "", file);
  ASSERT_TRUE(quantiles.ok()) << quantiles.error().message;
  EXPECT_EQ(quantiles->dists[0].weight, (std::vector<double>{0, 0.5, 1}));
  EXPECT_THAT(Parse("{ values_file = 'bad.txt' }", "", file).error().message, HasSubstr("bad.txt:2 is no number"));
  EXPECT_THAT(Parse("{ values_file = 'none.txt' }", "", file).error().message, HasSubstr("none.txt"));
}

TEST(DistributionTest, BadOnesAreNamed) {
  auto refuses = [](const std::string& run, const std::string& why) {
    auto w = Parse(run);
    ASSERT_FALSE(w.ok()) << run;
    EXPECT_THAT(w.error().message, HasSubstr(why));
  };
  refuses("{ values = [] }", "'values' has 0 values");
  refuses("{ quantiles = [[0, 1], [0.5, 3]] }", "with p rising from 0 to 1");
  refuses("{ quantiles = [[0, 3], [1, 1]] }", "values that do not fall");
  refuses("{ quantiles = [1, 2] }", "give pairs");
  refuses("{ values = [1], mix = [[1, 1]] }", "has 2 distributions");
}

// --- Arrivals -----------------------------------------------------------------------------

Workload Arriving(const std::string& arrivals, const std::string& run = "1000") {
  auto w = Parse(run, "arrivals = { " + arrivals + " }\n");
  EXPECT_TRUE(w.ok()) << (w.ok() ? "" : w.error().message);
  if (!w.ok()) return {};
  auto again = ParseWorkload(FormatWorkload(*w), "again");
  EXPECT_TRUE(again.ok() && *again == *w) << FormatWorkload(*w);
  w->horizon = Nanos::Seconds(1000);
  return *w;
}

std::vector<double> Times(const Workload& w, int n, int cpus = 1) {
  ArrivalProcess process(w, 0, cpus, 5);
  std::vector<double> out;
  for (int i = 0; i < n; ++i) out.push_back(process.Next().s());
  EXPECT_TRUE(std::is_sorted(out.begin(), out.end()));
  return out;
}

double GapCv(const std::vector<double>& times) {
  double last = 0, sum = 0, squares = 0;
  for (double t : times) {
    sum += t - last;
    squares += (t - last) * (t - last);
    last = t;
  }
  const double n = static_cast<double>(times.size()), mean = sum / n;
  return std::sqrt(squares / n - mean * mean) / mean;
}

TEST(ArrivalTest, BatchesKeepTheRate) {
  const Workload w = Arriving("poisson_per_s = 1000, batch = 8");
  EXPECT_DOUBLE_EQ(ArrivalRate(w, w.groups[0], 1), 1000);
  const std::vector<double> t = Times(w, 160'000);
  EXPECT_NEAR(t.back(), 160, 5 * 160 * std::sqrt(1 / 20'000.0));
  for (size_t i = 0; i < 800; ++i) ASSERT_EQ(t[i], t[i / 8 * 8]);
  EXPECT_NEAR(GapCv(t), std::sqrt(15.0), 0.1);  // 2 n - 1

  const std::vector<double> g = Times(Arriving("poisson_per_s = 1000, batch = { geometric = 8 }"), 160'000);
  EXPECT_NEAR(g.back(), 160, 5 * 160 * std::sqrt(2 / 20'000.0));
  EXPECT_NEAR(GapCv(g), std::sqrt(15.0), 0.15);
}

TEST(ArrivalTest, MmppHasItsRateAndIsBursty) {
  // 0.3 and 3 of one CPU with requests of 1 ms, 90 and 10 ms: (300 x 90 + 3000 x 10) / 100 = 570 a second.
  const Workload w = Arriving("mmpp = [ { load = 0.3, mean_ms = 90 }, { load = 3, mean_ms = 10 } ]");
  EXPECT_NEAR(ArrivalRate(w, w.groups[0], 1), 570, 1e-9);
  EXPECT_NEAR(OfferedLoad(w, 1), 0.57, 1e-12);
  const std::vector<double> t = Times(w, 200'000);
  EXPECT_NEAR(200'000 / t.back(), 570, 20);  // 350 s are 3500 cycles: 3% a standard error of the number in bursts
  EXPECT_GT(GapCv(t), 1.3);
  // The number in windows of 10 ms has more variance than Poisson's, whose index of dispersion is 1.
  std::vector<double> counts(static_cast<size_t>(t.back() * 100), 0);
  for (double x : t)
    if (auto i = static_cast<size_t>(x * 100); i < counts.size()) ++counts[i];
  double sum = 0, squares = 0;
  for (double c : counts) sum += c, squares += c * c;
  const double n = static_cast<double>(counts.size()), mean = sum / n;
  EXPECT_GT((squares / n - mean * mean) / mean, 4);
}

TEST(ArrivalTest, StatesWithoutArrivalsAreSilent) {
  const std::vector<double> t = Times(Arriving("phases = [ { per_s = 0, for_ms = 300 }, { per_s = 1000, for_ms = 100 } ]"), 10'000);
  for (double x : t) ASSERT_GE(std::fmod(x, 0.4), 0.3 - 1e-9) << x;
  EXPECT_NEAR(t.back(), 10'000 / 250.0, 1);
}

TEST(ArrivalTest, PhasesChangeWhenTheySay) {
  const Workload w = Arriving("phases = [ { per_s = 2000, for_s = 2 }, { per_s = 10000, for_s = 1 } ]");
  EXPECT_NEAR(ArrivalRate(w, w.groups[0], 1), 14'000 / 3.0, 1e-9);
  double low = 0, high = 0;
  for (double x : Times(w, 140'000)) (std::fmod(x, 3) < 2 ? low : high) += 1;
  EXPECT_NEAR(low, 40'000, 5 * 200);
  EXPECT_NEAR(high, 100'000, 5 * 320);
}

TEST(ArrivalTest, TheEndOfTheHorizonEndsTheSearchForAnArrival) {
  Workload w = Arriving("mmpp = [ { per_s = 1e-9, mean_us = 1 }, { per_s = 0, mean_us = 1 } ]");
  w.horizon = Nanos::Millis(1);
  ArrivalProcess process(w, 0, 1, 1);
  EXPECT_GE(process.Next(), w.horizon);
}

TEST(ArrivalTest, ScalingKeepsTheDraws) {
  Workload w = Arriving("poisson_load = 0.4"), half = w;
  ScaleArrivals(half, 0.5);
  EXPECT_NEAR(OfferedLoad(half, 4), 0.2, 1e-12);
  const std::vector<double> a = Times(w, 1000, 4), b = Times(half, 1000, 4);
  for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(b[i], 2 * a[i], 1e-5);
}

TEST(ArrivalTest, BurstinessShowsInTheSignature) {
  Machine m;
  m.cpus = 1;
  // Feature 13: c / (1 + c) of the gaps.
  EXPECT_NEAR(ComputeSignature(Arriving("poisson_load = 0.5"), m)[13], 0.5, 1e-12);
  EXPECT_NEAR(ComputeSignature(Arriving("poisson_load = 0.5, batch = 5"), m)[13], 0.75, 1e-12);
  EXPECT_NEAR(ComputeSignature(Arriving("periodic_load = 0.5"), m)[13], 0, 1e-12);
  EXPECT_GT(ComputeSignature(Arriving("mmpp = [ { load = 0.1, mean_ms = 90 }, { load = 3, mean_ms = 10 } ]"), m)[13], 0.6);
}

TEST(ArrivalTest, BadOnesAreNamed) {
  auto refuses = [](const std::string& arrivals, const std::string& why) {
    auto w = Parse("1", "arrivals = { " + arrivals + " }\n");
    ASSERT_FALSE(w.ok()) << arrivals;
    EXPECT_THAT(w.error().message, HasSubstr(why)) << arrivals;
    EXPECT_THAT(w.error().message, HasSubstr("t.toml:")) << arrivals;
  };
  refuses("mmpp = []", "'mmpp' has no usable states");
  refuses("mmpp = [ { load = 0, mean_ms = 1 } ]", "one above 0");
  refuses("mmpp = [ { load = 1, mean_ms = 1 }, { per_s = 1, mean_ms = 1 } ]", "all with 'load' or all with 'per_s'");
  refuses("mmpp = [ { load = 1 } ]", "how long it lasts");
  refuses("phases = [ { load = 1, mean_ms = 1 } ]", "unknown key 'mean_ms'");
  refuses("phases = [ { load = 1, for_ns = 1 } ]", "give 1000 to");
  EXPECT_THAT(ParseWorkload("format = 1\nhorizon_s = 100\n[[group]]\nname = 'a'\narrivals = { mmpp = [ { per_s = 1, mean_us = 1 } ] }\nprogram = [ { run_us = 1 } ]\n", "t.toml").error().message,
              HasSubstr("t.toml:5: group 'a' has a state of 1000 ns"));
  refuses("poisson_load = 0.5, mmpp = [ { load = 1, mean_ms = 1 } ]", "has 2 processes");
  refuses("periodic_load = 0.5, batch = 2", "periodic arrivals come one by one");
  refuses("poisson_load = 0.5, batch = 0", "'batch'");
  refuses("poisson_load = 0.5, batch = { geometric = 0.5 }", "'geometric'");
}

}  // namespace
}  // namespace ose
