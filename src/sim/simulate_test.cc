// Random workloads under every shipped policy, in checked mode: no policy that ships breaks a rule,
// no invariant of the simulator breaks, all work is done, and every CPU nanosecond is accounted for.
// A failure prints the seed that reproduces it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/random.h"
#include "sim/profiler.h"
#include "sim/simulate.h"
#include "sim/testing.h"

namespace ose {
namespace {

// Groups of tasks that run, sleep, lock, yield and meet; some pinned, some weighted, some forked.
// Programs end by themselves; locks are taken one at a time, so nothing can deadlock.
Workload RandomWorkload(Rng& rng, int cpus) {
  Workload w;
  w.name = "random";
  w.run_to_completion = true;
  w.horizon = Nanos::Seconds(60);
  w.locks = {"a", "b"};
  w.semaphores = {"s"};
  auto us = [&](uint64_t max) { return Nanos::Micros(static_cast<int64_t>(1 + rng.Below(max))); };
  int64_t signals = 0, waits = 0;
  const int groups = 2 + static_cast<int>(rng.Below(4));
  for (int g = 0; g < groups; ++g) {
    Group group;
    group.name = "g" + std::to_string(g);
    group.count = 1 + static_cast<int>(rng.Below(6));
    if (rng.Below(3) == 0) group.weight = static_cast<int>(1 + rng.Below(1000));
    if (rng.Below(3) == 0) group.affinity = {static_cast<int>(rng.Below(static_cast<uint64_t>(cpus)))};
    group.working_set_kb = static_cast<int64_t>(rng.Below(512));
    std::vector<Op> body;
    for (uint64_t ops = 1 + rng.Below(6), i = 0; i < ops; ++i) {
      switch (rng.Below(6)) {
        case 0: body.push_back(SleepOp(us(3000))); break;
        case 1: body.push_back({.kind = OpKind::kYield}); break;
        case 2: {
          auto lock = static_cast<uint32_t>(rng.Below(2));
          body.push_back({.kind = OpKind::kLock, .object = lock});
          body.push_back(RunOp(us(500)));
          body.push_back({.kind = OpKind::kUnlock, .object = lock});
          break;
        }
        default: body.push_back(RunOp(us(5000))); break;
      }
    }
    body.push_back(RunOp(us(100)));
    const auto loops = static_cast<uint32_t>(1 + rng.Below(8));
    group.program.push_back({.kind = OpKind::kLoop, .count = loops});
    for (const Op& op : body) group.program.push_back(op);
    group.program.push_back({.kind = OpKind::kEndLoop});
    // The first group signals more often than all others wait.
    if (g == 0) {
      group.affinity.clear();
      group.program.push_back({.kind = OpKind::kSignal, .object = 0, .count = 100});
      signals += 100 * group.count;
    } else if (rng.Below(2) == 0) {
      group.program.insert(group.program.begin(), {.kind = OpKind::kWait, .object = 0});
      waits += group.count;
    }
    if (g == groups - 1 && g > 1) {
      group.forked = true;
      w.groups[0].program.push_back({.kind = OpKind::kFork, .object = static_cast<uint32_t>(g)});
      group.count = w.groups[0].count;
    }
    w.groups.push_back(group);
  }
  EXPECT_GT(signals, waits);
  return w;
}

double Work(const Workload& w) {
  double us = 0;
  for (const Group& g : w.groups) {
    double pass = 0, loop = 0;
    uint32_t count = 1;
    for (const Op& op : g.program) {
      if (op.kind == OpKind::kLoop) count = op.count;
      if (op.kind == OpKind::kRun) loop += Nanos{op.ns}.us();
      if (op.kind == OpKind::kEndLoop) pass += loop * count, loop = 0, count = 1;
    }
    us += pass * g.count;
  }
  return us;
}

// Some parts of the model that cost, switched on at random.
void AddModel(Rng& rng, Machine& m) {
  auto ns = [&](uint64_t most) { return Nanos{static_cast<int64_t>(rng.Below(most + 1))}; };
  if (m.smt == 2) m.smt_speed = 0.4 + 0.6 * rng.Unit();
  if (rng.Below(2)) m.l2_kb = 256, m.refill_ns_per_kb_llc = 20;
  if (rng.Below(2)) m.dsq_lock_hold = m.dsq_op, m.rq_lock_hold = {300};
  if (rng.Below(2)) m.service.general = ns(20), m.service.remote = ns(100);
  if (rng.Below(2)) m.syscall = ns(300), m.futex_op = m.sleep_op = m.fork_op = ns(1000);
  if (rng.Below(2)) m.wakeup_irq = ns(1000), m.sched_ext_switch = ns(1000);
  if (m.tick.v > 0 && rng.Below(2)) m.tick_cost = ns(5000);
  if (rng.Below(2)) m.noise = {.rate_per_s = 500, .duration = {.kind = Dist::Kind::kExponential, .a = 20'000}};
}

TEST(RandomWorkloads, NoShippedPolicyBreaksARuleAndAllWorkIsDone) {
  auto names = ListFiles(std::string(OSE_BINARY_DIR) + "/policies", ".so");
  ASSERT_TRUE(names.ok());
  ASSERT_GE(names->size(), 8u);
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Rng rng = Rng::Stream(20261123, seed);
    Machine m;
    m.cpus = 1 + static_cast<int>(rng.Below(8));
    m.smt = m.cpus % 2 == 0 && rng.Below(2) ? 2 : 1;
    if (m.cpus % 2 == 0 && rng.Below(2)) m.cpus_per_llc = m.cpus / 2;
    if (rng.Below(3) == 0) m.tick = {0}, m.min_slice = Nanos::Micros(1);
    if (rng.Below(2)) AddModel(rng, m);
    Workload w = RandomWorkload(rng, m.cpus);
    for (const std::string& name : *names) {
      auto policy = NativePolicy::Open(std::string(OSE_BINARY_DIR) + "/policies/" + name);
      ASSERT_TRUE(policy.ok()) << policy.error().message;
      Accounts a;
      SimResult r = Simulate(w, m, *policy, seed, {.checked = true, .observer = &a});
      ASSERT_EQ(r.outcome, Outcome::kOk) << name << ", seed " << seed << ": " << r.diagnosis;
      EXPECT_NEAR(r.metrics["cpu_time"], a.Sum(&CpuTotals::useful).us(), 0.01) << name << ", seed " << seed;
      EXPECT_NEAR((a.Sum(&CpuTotals::useful) - a.Sum(&CpuTotals::slowed)).us(), Work(w), 1e-3) << name << ", seed " << seed;
      for (const CpuTotals& t : a.totals) EXPECT_LE(t.useful + t.overhead, a.end) << name << ", seed " << seed;
      EXPECT_GE(r.metrics["span"], Work(w) / m.cpus - 1e-3) << name << ", seed " << seed;
      if (seed % 4 != 0) continue;
      // Looking on changes nothing, and what is seen adds up.
      ScheduleProfile p;
      SimResult seen = SimulateWithProfile(w, m, *policy, seed, {}, &p);
      EXPECT_EQ(seen.metrics, r.metrics) << name << ", seed " << seed;
      ProfileCpu total = p.Total();
      EXPECT_EQ(total.useful_ns + total.overhead_ns + total.idle_ns, p.time_ns * m.cpus) << name << ", seed " << seed;
      EXPECT_EQ(p.overhead.total(), total.overhead_ns);
      int64_t turns = 0, ends = 0, waited = 0;
      for (const ProfileGroup& g : p.groups) turns += g.turns.count, ends += g.ends.total(), waited += g.waits.total_ns;
      EXPECT_EQ(turns, ends) << name << ", seed " << seed;
      EXPECT_EQ(waited, p.waiting_task_ns) << name << ", seed " << seed;
    }
  }
}

// The simulator's numbers are the same on every machine. When a change of the model moves them on
// purpose, the message shows the new value.
TEST(Golden, HolUnderCfsIsTheSameToTheLastBit) {
  auto w = LoadWorkload(std::string(OSE_SOURCE_DIR) + "/workloads/hol.toml");
  auto m = LoadMachine(std::string(OSE_SOURCE_DIR) + "/machines/server-5cpu.toml");
  auto policy = NativePolicy::Open(ShippedPolicy("cfs"));
  ASSERT_TRUE(w.ok() && m.ok() && policy.ok());
  std::string text;
  for (uint64_t seed : {1, 2}) {
    SimResult r = Simulate(*w, *m, *policy, seed);
    ASSERT_EQ(r.outcome, Outcome::kOk) << r.diagnosis;
    for (auto& [name, value] : r.metrics) text += fmt::format("{}={:a}\n", name, value);
  }
  EXPECT_EQ(Sha256Hex(text), "51e8a2d3e848da7669a6e17590bd821fa5b02377e48e38b69c93e39f7dbb9995") << text;
}

}  // namespace
}  // namespace ose
