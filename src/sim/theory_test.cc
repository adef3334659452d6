// The simulator against queueing theory, with costs switched off. Each check shows its
// arithmetic and can fail: the interval is a few standard errors of the run, not a wish.
#include <gtest/gtest.h>

#include "core/stats.h"
#include "sim/simulate.h"
#include "sim/testing.h"

namespace ose {
namespace {

Workload OpenLoop(double load, Dist size, double horizon_s) {
  Workload w;
  w.name = "open";
  w.horizon = {static_cast<int64_t>(horizon_s * 1e9)};
  w.warmup = {w.horizon.v / 10};
  w.dists = {size};
  Group g;
  g.name = "request";
  g.count = 2000;
  g.arrivals = {.kind = Arrivals::Kind::kPoisson, .load = load};
  g.program = {{.kind = OpKind::kRun, .drawn = true, .object = 0}};
  w.groups.push_back(g);
  return w;
}

Interval MeanLatencyUs(const std::string& policy_name, const Workload& w, int cpus, int seeds, Tunables tunables = {}) {
  auto policy = NativePolicy::Open(ShippedPolicy(policy_name));
  EXPECT_TRUE(policy.ok()) << policy.error().message;
  EXPECT_TRUE(policy->SetTunables(tunables).ok());
  std::vector<double> means;
  for (int s = 1; s <= seeds; ++s) {
    SimResult r = Simulate(w, CostlessMachine(cpus), *policy, static_cast<uint64_t>(s));
    EXPECT_EQ(r.outcome, Outcome::kOk) << r.diagnosis;
    means.push_back(r.metrics["latency_mean"]);
  }
  return MeanInterval(means, 0.999);
}

constexpr double kMeanNs = 10'000;  // 10 us

TEST(Theory, MM1Fifo) {
  // E[T] = E[S] / (1 - rho) = 10 us / 0.2 = 50 us.
  Workload w = OpenLoop(0.8, {.kind = Dist::Kind::kExponential, .a = kMeanNs}, 1.0);
  Interval i = MeanLatencyUs("fifo", w, 1, 20, {{"slice_ns", 1'000'000'000}});
  EXPECT_LT(i.lo, 50.0);
  EXPECT_GT(i.hi, 50.0);
  EXPECT_LT(i.hi - i.lo, 6.0);
}

TEST(Theory, MM2Fifo) {
  // a = 1.6, Erlang B: B1 = 1.6/2.6, B2 = 1.6 B1/(2 + 1.6 B1) = 0.32990; C = B2/(1 - 0.8 (1 - B2)) = 0.71111;
  // E[T] = E[S] (1 + C/(k (1 - rho))) = 10 us (1 + 0.71111/0.4) = 27.778 us.
  Workload w = OpenLoop(0.8, {.kind = Dist::Kind::kExponential, .a = kMeanNs}, 1.0);
  Interval i = MeanLatencyUs("fifo", w, 2, 20, {{"slice_ns", 1'000'000'000}});
  EXPECT_LT(i.lo, 27.778);
  EXPECT_GT(i.hi, 27.778);
  EXPECT_LT(i.hi - i.lo, 3.0);
}

TEST(Theory, MG1FifoBimodal) {
  // Sizes 1 or 19 us at 50/50: E[S] = 10, E[S^2] = 181; lambda = 0.07/us (rho 0.7).
  // E[W] = lambda E[S^2] / (2 (1 - rho)) = 0.07 * 181 / 0.6 = 21.117; E[T] = 31.117 us.
  Workload w = OpenLoop(0.7, {.kind = Dist::Kind::kMix, .value = {1000, 19000}, .weight = {1, 1}}, 1.0);
  Interval i = MeanLatencyUs("fifo", w, 1, 20, {{"slice_ns", 1'000'000'000}});
  EXPECT_LT(i.lo, 31.117);
  EXPECT_GT(i.hi, 31.117);
  EXPECT_LT(i.hi - i.lo, 3.0);
}

TEST(Theory, ClosedLoopThroughputIsCpusOverWork) {
  // 6 tasks that always run, 1 ms an event, on 3 CPUs: 3000 events/s exactly.
  Workload w;
  w.name = "closed";
  w.horizon = Nanos::Seconds(1);
  Group g;
  g.name = "worker";
  g.count = 6;
  g.repeat = true;
  g.program = {RunOp(Nanos::Millis(1))};
  w.groups.push_back(g);
  auto policy = NativePolicy::Open(ShippedPolicy("fifo"));
  ASSERT_TRUE(policy.ok());
  SimResult r = Simulate(w, CostlessMachine(3), *policy, 1);
  ASSERT_EQ(r.outcome, Outcome::kOk) << r.diagnosis;
  EXPECT_NEAR(r.metrics["throughput"], 3000, 3);  // at most one open event a CPU at the end
  EXPECT_NEAR(r.metrics["utilization"], 100, 1e-9);
}

}  // namespace
}  // namespace ose
