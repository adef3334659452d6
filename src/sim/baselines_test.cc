// The shipped policies against what their papers say of them: each does what its name promises. Costs are
// switched off where the formula has none, and counted where it counts them.
#include <gtest/gtest.h>

#include "core/stats.h"
#include "sim/simulate.h"
#include "sim/testing.h"

namespace ose {
namespace {

constexpr double kMeanNs = 10'000;

Machine Ideal(int cpus) {
  Machine m;
  m.cpus = cpus;
  m.tick = {0};
  m.min_slice = {0};
  m.context_switch = m.wakeup = m.ipi = m.idle_exit = m.migration_core = m.migration_llc = m.migration_node = {0};
  m.hook = m.dsq_op = m.remote = m.kick = m.interrupt = {0};
  return m;
}

// Requests that each wake a thread, which knows its size.
Workload Requests(double load, Dist size, double horizon_s) {
  Workload w;
  w.name = "requests";
  w.horizon = {static_cast<int64_t>(horizon_s * 1e9)};
  w.warmup = {w.horizon.v / 10};
  w.dists = {size};
  Group g;
  g.name = "request";
  g.count = 2000;
  g.hint_is_work = true;
  g.arrivals = {.kind = Arrivals::Kind::kPoisson, .load = load};
  g.program = {{.kind = OpKind::kRun, .drawn = true, .object = 0}};
  w.groups.push_back(g);
  return w;
}

SimResult Run(const std::string& name, const Workload& w, const Machine& m, uint64_t seed, const Tunables& tunables = {}) {
  auto policy = NativePolicy::Open(ShippedPolicy(name));
  EXPECT_TRUE(policy.ok()) << policy.error().message;
  EXPECT_TRUE(policy->SetTunables(tunables).ok());
  SimResult r = Simulate(w, m, *policy, seed);
  EXPECT_EQ(r.outcome, Outcome::kOk) << name << ": " << r.diagnosis;
  return r;
}

// Mean of a metric over seeds 1 .. n, with its 99.9% interval.
Interval Mean(const std::string& metric, const std::string& name, const Workload& w, const Machine& m, int seeds,
              const Tunables& tunables = {}) {
  std::vector<double> values;
  for (int s = 1; s <= seeds; ++s) values.push_back(Run(name, w, m, static_cast<uint64_t>(s), tunables).metrics[metric]);
  return MeanInterval(values, 0.999);
}

#define EXPECT_HOLDS(interval, value, width)  \
  do {                                        \
    const Interval i = (interval);            \
    EXPECT_LT(i.lo, (value));                 \
    EXPECT_GT(i.hi, (value));                 \
    EXPECT_LT(i.hi - i.lo, (width) * (value)); \
  } while (false)

TEST(Srpt, MeanResponseOfMM1) {
  // Schrage and Miller 1966 at rho = 0.8: E[T] = 2.3528 E[S] (integrated numerically).
  EXPECT_HOLDS(Mean("latency_mean", "srpt", Requests(0.8, {.kind = Dist::Kind::kExponential, .a = kMeanNs}, 1), Ideal(1), 16), 23.528, 0.06);
}

TEST(Srpt, MeanResponseOfABimodalMix) {
  // 1 or 100 us at 50/50, rho = 0.8: E[T] = 150.71 us.
  Workload w = Requests(0.8, {.kind = Dist::Kind::kMix, .value = {1000, 100'000}, .weight = {1, 1}}, 4);
  EXPECT_HOLDS(Mean("latency_mean", "srpt", w, Ideal(1), 16), 150.71, 0.1);
}

TEST(Las, MeanResponseOfMM1) {
  // Any policy that does not know sizes and never idles has the response of M/M/1 FCFS, as the exponential
  // distribution has no memory: E[T] = E[S] / (1 - rho) = 50 us.
  Workload w = Requests(0.8, {.kind = Dist::Kind::kExponential, .a = kMeanNs}, 1);
  EXPECT_HOLDS(Mean("latency_mean", "las", w, Ideal(1), 12, {{"quantum_ns", 2000}}), 50.0, 0.12);
}

TEST(Las, ShortRequestsOvertakeLongOnes) {
  // 1 or 100 us at 50/50, rho = 0.8, lambda = 0.8 / 50.5 us. A short one waits only behind the first us of others:
  // E[T(1)] = lambda E[min(S,1)^2] / (2 (1 - r)^2) + 1 / (1 - r) with E[min(S,1)^2] = 1 us^2, r = lambda * 1 us:
  // 0.01584 / (2 * 0.96857) + 1.01610 = 1.02428 us; E[T(100)] = 0.01584 * 5000.5 / (2 * 0.04) + 100 / 0.2 = 1490.24 us.
  Workload w = Requests(0.8, {.kind = Dist::Kind::kMix, .value = {1000, 100'000}, .weight = {1, 1}}, 4);
  EXPECT_HOLDS(Mean("latency_mean", "las", w, Ideal(1), 12, {{"quantum_ns", 1000}}), (1.02428 + 1490.24) / 2, 0.2);
}

}  // namespace
}  // namespace ose
