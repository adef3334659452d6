// The parts of the machine model, one by one on a machine where nothing else costs anything, so that
// every expected value is worked out by hand.
#include <gtest/gtest.h>

#include "sim/busy_lock.h"
#include "sim/kernel.h"
#include "sim/private_cache.h"
#include "sim/simulate.h"
#include "sim/testing.h"

namespace ose {
namespace {

Workload ToTheEnd() {
  Workload w;
  w.name = "test";
  w.run_to_completion = true;
  w.horizon = Nanos::Seconds(10);
  return w;
}

void AddTask(Workload& w, const std::string& name, int cpu, std::vector<Op> program, int64_t working_set_kb = 0) {
  Group g;
  g.name = name;
  if (cpu >= 0) g.affinity = {cpu};
  g.working_set_kb = working_set_kb;
  g.program = std::move(program);
  w.groups.push_back(g);
}

SimResult RunOn(const Machine& m, const Workload& w, Accounts* accounts, const std::string& policy_name = "fifo",
                const Tunables& tunables = {}, uint64_t seed = 1) {
  auto policy = NativePolicy::Open(ShippedPolicy(policy_name));
  EXPECT_TRUE(policy.ok() && policy->SetTunables(tunables).ok());
  SimResult r = Simulate(w, m, *policy, seed, {.checked = true, .observer = accounts});
  EXPECT_EQ(r.outcome, Outcome::kOk) << r.diagnosis;
  return r;
}

Machine Smt(double speed) {
  Machine m = CostlessMachine(2);
  m.smt = 2;
  m.smt_speed = speed;
  return m;
}

TEST(SmtSharing, TwoSiblingsOfHalfSpeedTakeTwiceAsLong) {
  Workload w = ToTheEnd();
  AddTask(w, "a", 0, {RunOp(Nanos::Millis(10))});
  AddTask(w, "b", 1, {RunOp(Nanos::Millis(10))});
  Accounts a;
  RunOn(Smt(0.5), w, &a);
  EXPECT_EQ(a.end, Nanos::Millis(20));
  EXPECT_EQ(a.Sum(&CpuTotals::useful), Nanos::Millis(40));
  EXPECT_EQ(a.Sum(&CpuTotals::slowed), Nanos::Millis(20));
  EXPECT_EQ(a.Sum(&CpuTotals::overhead), Nanos{0});
}

TEST(SmtSharing, OnlyTheTimeThatBothAreBusyIsSlow) {
  // a alone to 4 ms (4 done); b needs 6 ms for its 3 (a: 3 more); a alone for its last 3: 13 ms.
  Workload w = ToTheEnd();
  AddTask(w, "a", 0, {RunOp(Nanos::Millis(10))});
  AddTask(w, "b", 1, {SleepOp(Nanos::Millis(4)), RunOp(Nanos::Millis(3))});
  Accounts a;
  SimResult r = RunOn(Smt(0.5), w, &a);
  EXPECT_EQ(a.end, Nanos::Millis(13));
  EXPECT_EQ(a.totals[0].useful, Nanos::Millis(13));
  EXPECT_EQ(a.totals[1].useful, Nanos::Millis(6));
  EXPECT_EQ(r.metrics["cpu_time"], 19'000.0);  // as the kernel counts it
}

TEST(SmtSharing, ThousandthsOfANanosecondAreNotLost) {
  // 0.3 speed: 1000 pieces of 1001 ns take 1001000 / 0.3 = 3336666.7 ns, whatever the pieces.
  Workload w = ToTheEnd();
  AddTask(w, "a", 0, {{.kind = OpKind::kLoop, .count = 1000}, RunOp({1001}), {.kind = OpKind::kEndLoop}});
  AddTask(w, "b", 1, {RunOp(Nanos::Millis(50))});
  Accounts a;
  RunOn(Smt(0.3), w, &a);
  EXPECT_EQ(a.totals[0].useful, Nanos{3'336'667});
}

// --- Noise, ticks, interrupts -------------------------------------------------------------

Workload AlwaysBusy(int tasks) {
  Workload w;
  w.name = "busy";
  w.horizon = Nanos::Seconds(10);
  AddTask(w, "a", -1, {RunOp(Nanos::Millis(1))});
  w.groups[0].count = tasks;
  w.groups[0].repeat = true;
  return w;
}

TEST(Noise, TakesItsShareAndIsTheSameForEveryPolicy) {
  Machine m = CostlessMachine(2);
  m.noise = {.rate_per_s = 1000, .duration = {.a = 100'000}};  // a tenth: 20000 arrivals, 0.7% of them one sigma
  Accounts fifo, rr;
  SimResult r = RunOn(m, AlwaysBusy(5), &fifo, "fifo");
  RunOn(m, AlwaysBusy(5), &rr, "rr");
  EXPECT_EQ(fifo.Sum(&CpuTotals::overhead), rr.Sum(&CpuTotals::overhead));
  EXPECT_EQ(fifo.totals[1].overhead, rr.totals[1].overhead);
  EXPECT_NE(fifo.totals[0].overhead, fifo.totals[1].overhead);
  EXPECT_NEAR(fifo.Sum(&CpuTotals::overhead).s(), 2.0, 0.06);
  EXPECT_EQ(fifo.Sum(&CpuTotals::useful) + fifo.Sum(&CpuTotals::overhead), Nanos::Seconds(20));
  EXPECT_NEAR(r.metrics["throughput"], 1800, 6);
  Accounts other_seed;
  RunOn(m, AlwaysBusy(5), &other_seed, "fifo", {}, 2);
  EXPECT_NE(fifo.totals[0].overhead, other_seed.totals[0].overhead);
}

TEST(Noise, DoesNotHideThatAWorkloadIsStuck) {
  Machine m = CostlessMachine(1);
  m.noise = {.rate_per_s = 100, .duration = {.a = 1000}};
  Workload w = ToTheEnd();
  w.semaphores = {"never"};
  AddTask(w, "a", -1, {{.kind = OpKind::kWait}});
  auto policy = NativePolicy::Open(ShippedPolicy("fifo"));
  ASSERT_TRUE(policy.ok());
  EXPECT_EQ(Simulate(w, m, *policy, 1).outcome, Outcome::kStuck);
}

TEST(Ticks, OfABusyCpuCostAndThoseOfAnIdleOneDoNot) {
  Machine m = CostlessMachine(2);
  m.tick = Nanos::Millis(1);
  m.tick_cost = Nanos::Micros(100);
  Workload w = ToTheEnd();
  AddTask(w, "a", 0, {RunOp(Nanos::Millis(9))});  // 9 ms of work and 9 or 10 ticks
  Accounts a;
  RunOn(m, w, &a);
  EXPECT_EQ(a.totals[1].overhead, Nanos{0});
  EXPECT_EQ(a.totals[0].overhead.v % 100'000, 0);
  EXPECT_GE(a.totals[0].overhead, Nanos::Micros(900));
  EXPECT_LE(a.totals[0].overhead, Nanos::Micros(1000));
  EXPECT_EQ(a.end, Nanos::Millis(9) + a.totals[0].overhead);
}

TEST(WakeupInterrupt, IsPaidWhereATimerWakes) {
  Machine m = CostlessMachine(2);
  m.wakeup_irq = {700};
  Workload w = ToTheEnd();
  AddTask(w, "a", 0, {RunOp({1000}), SleepOp({1000}), RunOp({1000})});  // its start and the end of its sleep
  Accounts a;
  RunOn(m, w, &a);
  EXPECT_EQ(a.totals[0].overhead, Nanos{1400});
  EXPECT_EQ(a.end, Nanos{4400});
}

TEST(SchedExtSwitch, ComesOnTopOfEachSwitch) {
  Machine m = CostlessMachine(1);
  m.context_switch = {500};
  m.sched_ext_switch = {300};
  Workload w = ToTheEnd();
  AddTask(w, "a", 0, {RunOp({1000}), {.kind = OpKind::kYield}, RunOp({1000})});
  AddTask(w, "b", 0, {RunOp({1000})});
  Accounts a;
  RunOn(m, w, &a);  // a, b, a
  EXPECT_EQ(a.totals[0].overhead, Nanos{3 * 800});
  RunOn(AsKernelClass(m), w, &(a = {}));
  EXPECT_EQ(a.totals[0].overhead, Nanos{3 * 500});
}

// --- System calls of tasks ----------------------------------------------------------------

Machine WithSystemCalls() {
  Machine m = CostlessMachine(1);
  m.syscall = {100};
  m.futex_op = {200};
  m.pipe_op = {300};
  m.sleep_op = {50};
  m.fork_op = {1000};
  return m;
}

TEST(SystemCalls, AQueueThatAnotherCpuWasLastAtCostsMore) {
  Machine m = CostlessMachine(2);
  m.pipe_op = {300};
  m.pipe_remote = {500};
  Workload w = ToTheEnd();
  w.queues = {{.name = "q"}};
  AddTask(w, "put", 0, {{.kind = OpKind::kPut}, RunOp({1000}), {.kind = OpKind::kPut}});   // 300 at 0, 300 + 500 at 1300
  AddTask(w, "take", 1, {RunOp({500}), {.kind = OpKind::kTake}});                          // 300 + 500 at 500
  Accounts a;
  RunOn(m, w, &a);
  EXPECT_EQ(a.totals[0].overhead + a.totals[1].overhead, Nanos{3 * 300 + 2 * 500});
}

TEST(SystemCalls, OfQueuesYieldsSleepsAndForksAreOverhead) {
  Workload w = ToTheEnd();
  w.queues = {{.name = "q"}};
  AddTask(w, "a", 0,
          {{.kind = OpKind::kLoop, .count = 10},
           {.kind = OpKind::kPut},    // 10 x 400
           {.kind = OpKind::kTake},   // 10 x 400
           {.kind = OpKind::kEndLoop},
           {.kind = OpKind::kYield},  // 100
           SleepOp({5000}),           // 150, of the 5000
           {.kind = OpKind::kFork, .object = 1},  // 1100
           RunOp({1000})});
  AddTask(w, "child", 0, {RunOp({1})});
  w.groups[1].forked = true;
  Accounts a;
  RunOn(WithSystemCalls(), w, &a);
  EXPECT_EQ(a.totals[0].overhead, Nanos{8000 + 100 + 150 + 1100});
  EXPECT_EQ(a.end, Nanos{8000 + 100 + 5000 + 1100 + 1000 + 1});
}

TEST(SystemCalls, OfLocksAreMadeOnlyWhenTheyAreContended) {
  Workload w = ToTheEnd();
  w.locks = {"l"};
  const std::vector<Op> section = {{.kind = OpKind::kLock}, RunOp({10'000}), {.kind = OpKind::kUnlock}};
  AddTask(w, "alone", 0, section);
  Accounts a;
  RunOn(WithSystemCalls(), w, &a);
  EXPECT_EQ(a.totals[0].overhead, Nanos{0});
  // The second finds it taken when the first yields within: one waits, one wakes, 300 each; a yield, 100.
  w.groups.clear();
  AddTask(w, "first", 0, {section[0], RunOp({5000}), {.kind = OpKind::kYield}, RunOp({5000}), section[2]});
  AddTask(w, "second", 0, section);
  RunOn(WithSystemCalls(), w, &(a = {}));
  EXPECT_EQ(a.totals[0].overhead, Nanos{700});
  EXPECT_EQ(a.end, Nanos{20'700});
}

TEST(ChargeOverhead, CountsTheTimeThatTheKernelsClockCounts) {
  // Two tasks on a CPU with a quantum of 100 us; each turn begins with a switch of 20 us. 400 us of work
  // are four turns when only that counts, five of 80 us when the switch does, too.
  Machine m = CostlessMachine(1);
  m.min_slice = {1};
  m.context_switch = Nanos::Micros(20);
  Workload w = ToTheEnd();
  AddTask(w, "a", 0, {RunOp(Nanos::Micros(400))});
  AddTask(w, "b", 0, {RunOp(Nanos::Micros(400))});
  const Tunables quantum = {{"quantum_ns", 100'000}};
  Accounts a;
  RunOn(m, w, &a, "rr", quantum);
  EXPECT_EQ(a.totals[0].overhead, Nanos::Micros(8 * 20));
  m.charge_overhead = true;
  SimResult r = RunOn(m, w, &(a = {}), "rr", quantum);
  EXPECT_EQ(a.totals[0].overhead, Nanos::Micros(10 * 20));
  EXPECT_EQ(a.totals[0].useful, Nanos::Micros(800));
  EXPECT_EQ(r.metrics["cpu_time"], 800.0);
}

// --- Locks --------------------------------------------------------------------------------

TEST(BusyLock, SerialisesWhatOverlaps) {
  BusyLock lock;
  const Nanos now{500}, hold{100};
  EXPECT_EQ(lock.Take(now, {1000}, hold), Nanos{0});    // 1000 .. 1100
  EXPECT_EQ(lock.Take(now, {1000}, hold), Nanos{100});  // .. 1200
  EXPECT_EQ(lock.Take(now, {1150}, hold), Nanos{50});   // .. 1300
  EXPECT_EQ(lock.Take(now, {850}, hold), Nanos{0});     // 850 .. 950, over before all that
  EXPECT_EQ(lock.Take(now, {700}, hold), Nanos{0});     // 700 .. 800
  EXPECT_EQ(lock.Take(now, {790}, hold), Nanos{510});   // no gap is long enough: 1300 .. 1400
  EXPECT_EQ(lock.Take(now, {740}, {50}), Nanos{60});    // the gap from 800 to 850
  EXPECT_EQ(lock.Take({1380}, {1390}, hold), Nanos{10});
}

TEST(DsqLock, CpusThatHammerOneQueueAreSerialised) {
  // A turn: move 1 us, insert 1 us, run 1 us. Eight CPUs alone would make 8 turns in 3 us; the lock is
  // held 2 us of each, so there is one in 2 us.
  Machine m = CostlessMachine(8);
  m.dsq_op = m.dsq_lock_hold = {1000};
  Workload w;
  w.name = "hammer";
  w.horizon = Nanos::Millis(20);
  AddTask(w, "a", -1, {RunOp({1000}), {.kind = OpKind::kYield}});
  w.groups[0].count = 16;
  w.groups[0].repeat = true;
  Accounts a;
  SimResult r = RunOn(m, w, &a);
  EXPECT_NEAR(r.metrics["throughput"], 500'000, 1000);
  EXPECT_EQ(a.Sum(&CpuTotals::useful) + a.Sum(&CpuTotals::overhead), Nanos::Millis(160));
  m.dsq_lock_hold = {0};
  r = RunOn(m, w, &(a = {}));
  EXPECT_NEAR(r.metrics["throughput"], 8e9 / 3000, 1000);
}

TEST(RqLock, TwoThatWakeOntoOneCpuTakeTurns) {
  // Both signal at 1200: start and switch take 100 each.
  Machine m = CostlessMachine(3);
  m.wakeup = m.context_switch = m.rq_lock_hold = {100};
  Workload w = ToTheEnd();
  w.semaphores = {"s", "t"};
  AddTask(w, "a", 0, {RunOp({1000}), {.kind = OpKind::kSignal, .object = 0}, RunOp({1000})});
  AddTask(w, "b", 1, {RunOp({1000}), {.kind = OpKind::kSignal, .object = 1}, RunOp({1000})});
  AddTask(w, "c", 2, {{.kind = OpKind::kWait, .object = 0}, RunOp({1})});
  AddTask(w, "d", 2, {{.kind = OpKind::kWait, .object = 1}, RunOp({1})});
  Accounts a;
  RunOn(m, w, &a);
  EXPECT_EQ(a.totals[0].overhead, Nanos{300});
  EXPECT_EQ(a.totals[1].overhead, Nanos{400});
}

// --- Caches -------------------------------------------------------------------------------

TEST(PrivateCache, TheLeastRecentlyUsedLeavesFirst) {
  PrivateCache cache(100);
  EXPECT_EQ(cache.Use(1, 60), 60);   // cold
  EXPECT_EQ(cache.Use(1, 60), 0);
  EXPECT_EQ(cache.Use(2, 50), 50);
  EXPECT_EQ(cache.Use(1, 60), 10);   // 60 + 50 - 100
  EXPECT_EQ(cache.Use(3, 30), 30);
  EXPECT_EQ(cache.Use(2, 50), 40);   // 50 + 60 + 30 - 100
  EXPECT_EQ(cache.Use(4, 500), 100); // more than fits
  EXPECT_EQ(cache.Use(4, 500), 0);
  EXPECT_EQ(cache.Use(3, 30), 30);   // nothing left
  EXPECT_EQ(cache.Use(5, 0), 0);
}

TEST(CacheRefill, AfterAnAntagonistCostsWhatThatPushedOut) {
  // 64 KiB, an antagonist's 80, a cache of 100: 44 must be fetched at 10 ns; back at the antagonist, 44 of
  // its 80. Two turns each; the first ones begin cold, which is not counted.
  Machine m = CostlessMachine(1);
  m.l2_kb = 100;
  m.refill_ns_per_kb_llc = 10;
  Workload w = ToTheEnd();
  const std::vector<Op> program = {RunOp({1000}), {.kind = OpKind::kYield}, RunOp({1000})};
  AddTask(w, "a", 0, program, 64);
  AddTask(w, "b", 0, program, 80);
  Accounts a;
  RunOn(m, w, &a);
  EXPECT_EQ(a.totals[0].overhead, Nanos{440 + 440});
  w.groups[1].working_set_kb = 36;  // both fit
  RunOn(m, w, &(a = {}));
  EXPECT_EQ(a.totals[0].overhead, Nanos{0});
}

TEST(CacheRefill, MovingToTheSiblingLosesNothingAndWithinTheSharedCacheNoMoreThanThePrivateOne) {
  Machine m = CostlessMachine(4);
  m.smt = 2;
  m.l2_kb = 100;
  m.refill_ns_per_kb_llc = 10;
  // The mover runs on CPU 0 first, which is taken when it wakes up again.
  for (auto [cpus, cost] : {std::pair{1, 0}, {2, 1000}}) {
    Workload w = ToTheEnd();
    AddTask(w, "mover", -1, {RunOp({1000}), SleepOp({1000}), RunOp({1000})}, 300);
    w.groups[0].affinity = {0, cpus};
    AddTask(w, "squatter", 0, {SleepOp({500}), RunOp({5000})});  // from 1500 on
    Accounts a;
    RunOn(m, w, &a);
    EXPECT_EQ(a.Sum(&CpuTotals::overhead), Nanos{cost}) << cpus;
    EXPECT_EQ(a.totals[static_cast<size_t>(cpus)].useful, Nanos{1000}) << cpus;
  }
}

TEST(IdleCpus, OneThatPollsIsAwake) {
  Machine m = CostlessMachine(1);
  m.idle_exit = {50'000};
  m.hook = {100};
  Workload w = ToTheEnd();
  AddTask(w, "a", -1, {RunOp({1'000}), SleepOp({10'000}), RunOp({1'000})});
  Nanos ends[2];
  for (bool polls : {false, true}) {
    auto policy = NativePolicy::Open(polls ? TestPolicy("polls") : ShippedPolicy("fifo"));
    ASSERT_TRUE(policy.ok());
    Accounts a;
    SimResult r = Simulate(w, m, *policy, 1, {.checked = true, .observer = &a});
    ASSERT_EQ(r.outcome, Outcome::kOk) << r.diagnosis;
    ends[polls] = a.end;
  }
  // At its start nobody has polled yet; when it wakes up, the CPU is at most one look away.
  EXPECT_GE(ends[0] - ends[1], m.idle_exit - Nanos{500});
  EXPECT_LE(ends[0] - ends[1], m.idle_exit);
}

// --- Services -----------------------------------------------------------------------------

TEST(Services, ArePaidByTheCpuThatCalls) {
  Machine m = CostlessMachine(2);
  m.kick = {1'000'000};  // the general figure for kicks; that of its own CPU is named below
  ServiceCosts& s = m.service;
  s.remote = {100'000};
  auto set = [&](Service service, int64_t ns) { s.cost[static_cast<size_t>(service)] = {ns}; };
  set(Service::kRandom, 1);
  set(Service::kCpuState, 10);
  set(Service::kKickSelf, 10'000);
  set(Service::kDsqInsert, 7);
  set(Service::kDsqMove, 0);
  Workload w = ToTheEnd();
  AddTask(w, "a", -1, {RunOp({1})});
  auto policy = NativePolicy::Open(TestPolicy("calls"));
  ASSERT_TRUE(policy.ok());
  Accounts a;
  SimResult r = Simulate(w, m, *policy, 1, {.checked = true, .observer = &a});
  ASSERT_EQ(r.outcome, Outcome::kOk) << r.diagnosis;
  // On CPU 0: random 3 x 1; state of CPU 0 twice and of CPU 1 once, 10 each, one of them remote;
  // insert; kick.
  EXPECT_EQ(a.totals[0].overhead, Nanos{3 + 30 + 100'000 + 7 + 10'000});
  EXPECT_EQ(a.totals[1].overhead, Nanos{0});
}

TEST(Services, LookingIntoAnEmptyQueueAndAnOrderByVtimeHaveTheirOwnPrice) {
  Machine m = CostlessMachine(1);
  ServiceCosts& s = m.service;
  s.cost[static_cast<size_t>(Service::kDsqEmpty)] = {3};
  s.cost[static_cast<size_t>(Service::kDsqInsertVtime)] = {100};
  Workload w = ToTheEnd();
  AddTask(w, "a", -1, {RunOp({1'000}), SleepOp({1'000}), RunOp({1'000})});
  Accounts fifo;
  RunOn(m, w, &fifo);  // while it sleeps nothing is in the queue; what is paid after the end does not count
  EXPECT_EQ(fifo.totals[0].overhead, Nanos{3});
  auto policy = NativePolicy::Open(std::string(OSE_BINARY_DIR) + "/policies/vtime.so");
  ASSERT_TRUE(policy.ok());
  Accounts vtime;
  SimResult r = Simulate(w, m, *policy, 1, {.checked = true, .observer = &vtime});
  ASSERT_EQ(r.outcome, Outcome::kOk) << r.diagnosis;
  EXPECT_EQ(vtime.totals[0].overhead, Nanos{2 * 100 + 3});  // queued twice, by vtime
}

TEST(Services, PickingAnIdleCpuGoesThroughAllCpus) {
  Machine m = CostlessMachine(64);
  m.service.general = {5};
  m.service.pick_ns_per_cpu = 0.5;
  m.service.cost[static_cast<size_t>(Service::kSelectDfl)] = {40};
  for (Service other : {Service::kDsqInsert, Service::kDsqMove, Service::kBasic, Service::kTaskState}) m.service.cost[static_cast<size_t>(other)] = {0};
  Workload w = ToTheEnd();
  AddTask(w, "a", -1, {RunOp({1})});
  Accounts a;
  RunOn(m, w, &a);  // fifo: the default select_cpu, straight into the local queue
  EXPECT_EQ(a.Sum(&CpuTotals::overhead), Nanos{40 + 32});
}

}  // namespace
}  // namespace ose
