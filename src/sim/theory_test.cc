// The simulator against queueing theory, with costs switched off. Each check shows its
// arithmetic and can fail: the interval is a few standard errors of the run, not a wish. The long version
// is `osevolve validate theory` (docs/validation.md).
#include <gtest/gtest.h>

#include <algorithm>

#include "core/stats.h"
#include "sim/simulate.h"
#include "sim/testing.h"
#include "workload/draw.h"

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

Interval MeanLatencyUs(const std::string& policy_name, const Workload& w, int cpus, int seeds, Tunables tunables = {},
                       const std::string& metric = "latency_mean") {
  auto policy = NativePolicy::Open(ShippedPolicy(policy_name));
  EXPECT_TRUE(policy.ok()) << policy.error().message;
  EXPECT_TRUE(policy->SetTunables(tunables).ok());
  std::vector<double> means;
  for (int s = 1; s <= seeds; ++s) {
    SimResult r = Simulate(w, CostlessMachine(cpus), *policy, static_cast<uint64_t>(s));
    EXPECT_EQ(r.outcome, Outcome::kOk) << r.diagnosis;
    means.push_back(r.metrics[metric]);
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

// Sizes of 10 us or 1000 us at 50/50: E[S] = 505, E[S^2] = 500050.
const Dist kHalf{.kind = Dist::Kind::kMix, .value = {10'000, 1'000'000}, .weight = {1, 1}};

TEST(Theory, FcfsIsLindleysRecursionToTheLastDigit) {
  // W' = max(0, W + S - A), on the arrivals and sizes that the simulator draws: no noise, no tolerance.
  const Workload w = OpenLoop(0.8, kHalf, 10.0);
  constexpr uint64_t kSeed = 3;
  auto policy = NativePolicy::Open(ShippedPolicy("fifo"));
  ASSERT_TRUE(policy.ok());
  ASSERT_TRUE(policy->SetTunables({{"slice_ns", 1'000'000'000}}).ok());
  const SimResult r = Simulate(w, CostlessMachine(1), *policy, kSeed);
  ASSERT_EQ(r.outcome, Outcome::kOk) << r.diagnosis;
  ArrivalProcess arrivals(w, 0, 1, kSeed);
  const Sampler sampler(kHalf);
  int64_t free_at = 0;
  double sum_us = 0, n = 0;
  uint64_t number = 0;
  for (Nanos at = arrivals.Next(); at < w.horizon; at = arrivals.Next()) {
    Rng rng = RequestStream(kSeed, 0, number++);
    free_at = std::max(free_at, at.v) + sampler(rng);
    if (at < w.warmup) continue;
    sum_us += Nanos{free_at - at.v}.us();
    n += 1;
  }
  ASSERT_GT(n, 10'000);
  EXPECT_NEAR(r.metrics.at("latency_mean") / (sum_us / n), 1, 1e-12);
}

TEST(Theory, ProcessorSharing) {
  // Round robin with a small quantum: E[T] = E[S] / (1 - rho) = 200 us for any sizes, here constant ones, for
  // which first come, first served would give E[S] (1 + rho / (2 (1 - rho))) = 150 us. A quantum of a fiftieth
  // of the size is off by about as much.
  const Workload w = OpenLoop(0.5, {.kind = Dist::Kind::kConstant, .a = 100'000}, 4.0);
  const Interval i = MeanLatencyUs("rr", w, 1, 8, {{"quantum_ns", 2'000}});
  EXPECT_LT(i.lo, 200.0 * 1.02);
  EXPECT_GT(i.hi, 200.0 * 0.98);
  EXPECT_LT(i.hi - i.lo, 15.0);
}

TEST(Theory, Srpt) {
  // lambda = 0.8/505 per us; the load of the small ones is 5 lambda = 0.0079208. Small: wait
  // lambda (50 + 50) / (2 (1 - 0.0079208)) = 0.0798, response 10.08. Large: lambda 500050 / (2 x 0.9920792 x 0.2) =
  // 1996.24 and 10 + 990/0.9920792 = 1007.90 at work: 3004.14. Mean 1507.1 (FCFS has 2485.4).
  Workload w = OpenLoop(0.8, kHalf, 20.0);
  w.groups[0].hint_is_work = true;
  const Interval i = MeanLatencyUs("srpt", w, 1, 20);
  EXPECT_LT(i.lo, 1507.1);
  EXPECT_GT(i.hi, 1507.1);
  EXPECT_LT(i.hi - i.lo, 250);
  // Slowdown (10.08/10 + 3004.14/1000) / 2 = 2.006.
  const Interval slowdown = MeanLatencyUs("srpt", w, 1, 20, {}, "slowdown_mean");
  EXPECT_LT(slowdown.lo, 2.006);
  EXPECT_GT(slowdown.hi, 2.006);
}

TEST(Theory, LeastAttainedService) {
  // rho = 0.5, lambda = 0.5/505. Small: everybody is cut to 10 us, rho' = 10 lambda = 0.00990, so
  // lambda 100 / (2 x 0.9901^2) + 10/0.9901 = 10.15. Large: nobody is cut:
  // lambda 500050 / (2 x 0.25) + 1000/0.5 = 2990.2. Mean 1500.2; FCFS 505 + 495.1 = 1000.1.
  const Workload w = OpenLoop(0.5, kHalf, 10.0);
  const Interval i = MeanLatencyUs("las", w, 1, 16, {{"quantum_ns", 2'000}});
  EXPECT_LT(i.lo, 1500.2 * 1.005);
  EXPECT_GT(i.hi, 1500.2 * 0.995);
  EXPECT_LT(i.hi - i.lo, 150);
}

TEST(Theory, NonPreemptivePriority) {
  // Two classes with exponential sizes of 10 us and loads 0.3 and 0.5: lambda E[S^2] / 2 = 0.8 x 10 us = 8 us. Wait of
  // the heavy class 8 / 0.7 = 11.43, of the other 8 / (0.7 x 0.2) = 57.14; with 10 us each of work 21.43 and 67.14.
  Workload w = OpenLoop(0.3, {.kind = Dist::Kind::kExponential, .a = kMeanNs}, 1.0);
  w.groups.push_back(w.groups[0]);
  w.groups[0].name = "heavy";
  w.groups[0].weight = 200;
  w.groups[1].name = "light";
  w.groups[1].arrivals.load = 0.5;
  const Tunables strict = {{"slice_ns", 1'000'000'000}};
  const Interval heavy = MeanLatencyUs("priority", w, 1, 20, strict, "heavy.latency_mean");
  EXPECT_LT(heavy.lo, 21.43);
  EXPECT_GT(heavy.hi, 21.43);
  EXPECT_LT(heavy.hi - heavy.lo, 1.0);
  const Interval light = MeanLatencyUs("priority", w, 1, 20, strict, "light.latency_mean");
  EXPECT_LT(light.lo, 67.14);
  EXPECT_GT(light.hi, 67.14);
  EXPECT_LT(light.hi - light.lo, 10.0);
}

TEST(Theory, CapacityWithOverheadOfEachQuantum) {
  // 100 us of work in quanta of 5 us: 19 preemptions of 1.5 us (interrupt 1, switch 0.5) and one more switch: 129 us
  // a pass, so 2 CPUs finish 2/129 us = 15503.9/s.
  Workload w;
  w.name = "closed";
  w.horizon = Nanos::Seconds(1);
  Group g;
  g.name = "worker";
  g.count = 8;
  g.repeat = true;
  g.program = {RunOp(Nanos{100'000}), {.kind = OpKind::kSleep, .ns = 1}};
  w.groups.push_back(g);
  Machine m = CostlessMachine(2);
  m.interrupt = {1'000};
  m.context_switch = {500};
  auto policy = NativePolicy::Open(ShippedPolicy("rr"));
  ASSERT_TRUE(policy.ok());
  ASSERT_TRUE(policy->SetTunables({{"quantum_ns", 5'000}}).ok());
  const SimResult r = Simulate(w, m, *policy, 1);
  ASSERT_EQ(r.outcome, Outcome::kOk) << r.diagnosis;
  EXPECT_NEAR(r.metrics.at("throughput"), 15503.9, 9);  // a pass of each task may be open at the end
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
