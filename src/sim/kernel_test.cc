// The order of hooks, the rules of the sched_ext contract, and determinism, on small machines.
#include <gtest/gtest.h>

#include "sim/simulate.h"
#include "sim/testing.h"

namespace ose {
namespace {

Machine TwoCpus() {
  Machine m;
  m.cpus = 2;
  m.watchdog = Nanos::Millis(500);
  return m;
}

Workload RunSleepRun(int tasks) {
  Workload w;
  w.name = "run-sleep-run";
  w.run_to_completion = true;
  w.horizon = Nanos::Seconds(5);
  Group g;
  g.name = "worker";
  g.count = tasks;
  g.program = {RunOp(Nanos::Millis(3)), SleepOp(Nanos::Millis(1)), RunOp(Nanos::Millis(2))};
  w.groups.push_back(g);
  return w;
}

SimResult RunPolicy(const std::string& so, const Workload& w, uint64_t seed = 1) {
  auto policy = NativePolicy::Open(so);
  if (!policy.ok()) return {Outcome::kInternal, policy.error().message, {}, 0, {}};
  return Simulate(w, TwoCpus(), *policy, seed, {.checked = true});
}

TEST(Kernel, HooksComeInTheKernelsOrder) {
  SimResult r = RunPolicy(TestPolicy("order"), RunSleepRun(3));
  ASSERT_EQ(r.outcome, Outcome::kOk) << r.diagnosis;
  // init, init_task, enable, select_cpu, runnable, enqueue, dispatch, running, tick, then, with
  // three tasks of 3 ms on two CPUs and slices of 1 ms, stopping before quiescent, and
  // disable, exit_task, exit at the end.
  for (int hook = 0; hook < 13; ++hook) EXPECT_LT(r.counters[hook], r.counters[hook + 1]) << "hook " << hook;
}

struct RuleCase {
  const char* policy;
  Outcome outcome;
  const char* message;
};

class Rules : public testing::TestWithParam<RuleCase> {};

TEST_P(Rules, BreakingOneNamesTaskCpuTimeAndRule) {
  SimResult r = RunPolicy(TestPolicy(GetParam().policy), RunSleepRun(8));
  EXPECT_EQ(OutcomeName(r.outcome), std::string(OutcomeName(GetParam().outcome))) << r.diagnosis;
  EXPECT_NE(r.diagnosis.find(GetParam().message), std::string::npos) << r.diagnosis;
  EXPECT_NE(r.diagnosis.find(" ms"), std::string::npos) << r.diagnosis;
}

INSTANTIATE_TEST_SUITE_P(
    All, Rules,
    testing::Values(RuleCase{"lost", Outcome::kRule, "worker[1] (pid 2), on CPU"},
                    RuleCase{"stalled", Outcome::kStall, "every CPU is idle and nothing will wake one"},
                    RuleCase{"twice", Outcome::kRule, "already direct-dispatched"},
                    RuleCase{"no_queue", Outcome::kRule, "queue 7, which does not exist"},
                    RuleCase{"mixed", Outcome::kRule, "a queue is FIFO or vtime-ordered, never both"},
                    RuleCase{"kick_forever", Outcome::kStall, "failed to run for"},
                    RuleCase{"consume_in_enqueue", Outcome::kRule, "dsq_move_to_local() outside dispatch()"}),
    [](const auto& info) { return std::string(info.param.policy); });

TEST(Kernel, TheSameSeedGivesTheSameBytes) {
  Workload w = RunSleepRun(9);
  SimResult a = RunPolicy(ShippedPolicy("fifo"), w, 7), b = RunPolicy(ShippedPolicy("fifo"), w, 7);
  ASSERT_EQ(a.outcome, Outcome::kOk) << a.diagnosis;
  EXPECT_EQ(a.metrics, b.metrics);
  EXPECT_EQ(a.events, b.events);
}

TEST(Kernel, AccountsForEveryNanosecond) {
  // 4 tasks of 5 ms work on 2 CPUs: useful time is exactly the work.
  SimResult r = RunPolicy(ShippedPolicy("fifo"), RunSleepRun(4));
  ASSERT_EQ(r.outcome, Outcome::kOk) << r.diagnosis;
  EXPECT_EQ(r.metrics["cpu_time"], 4 * 5000.0);
  EXPECT_EQ(r.metrics["runs"], 8);
  EXPECT_EQ(r.metrics["sleeps"], 4);
  EXPECT_EQ(r.metrics["wakeups"], 8);
}

TEST(Kernel, ATaskRunsOnlyWhereItsAffinityAllows) {
  Workload w = RunSleepRun(4);
  w.groups[0].affinity = {1};
  SimResult r = RunPolicy(ShippedPolicy("fifo"), w);
  ASSERT_EQ(r.outcome, Outcome::kOk) << r.diagnosis;
  EXPECT_EQ(r.metrics["migrations_per_s"], 0);
  EXPECT_GT(r.metrics["span"], 20'000.0);  // 20 ms of work on one CPU
}

Workload ClosedLoop(int tasks) {
  Workload w;
  w.name = "closed";
  w.horizon = Nanos::Millis(300);
  Group g;
  g.name = "worker";
  g.count = tasks;
  g.repeat = true;
  g.program = {RunOp(Nanos::Millis(1)), SleepOp(Nanos::Micros(100))};
  w.groups.push_back(g);
  return w;
}

TEST(Kernel, TasksThatNeverRunCountInTheTail) {
  SimResult r = RunPolicy(TestPolicy("starves"), ClosedLoop(8));
  ASSERT_EQ(r.outcome, Outcome::kOk) << r.diagnosis;
  EXPECT_EQ(r.metrics["incomplete"], 6);
  EXPECT_NEAR(r.metrics["latency_max"], 300'000, 1'000);
  EXPECT_NEAR(r.metrics["wakeup_p999"], 300'000, 1'000);
}

TEST(Kernel, ARunThatIsCutOffHasNoResult) {
  Workload w = RunSleepRun(8);
  w.horizon = Nanos::Millis(10);  // of 20 ms of work a CPU
  SimResult r = RunPolicy(ShippedPolicy("fifo"), w);
  EXPECT_EQ(r.outcome, Outcome::kStall);
  EXPECT_NE(r.diagnosis.find("had not finished at the horizon of 10 ms"), std::string::npos) << r.diagnosis;
}

TEST(Kernel, ThePickedTaskRunsBeforeThePreemptedOneWhereverThatGoes) {
  // pick_task_scx() takes its task before put_prev_task_scx() enqueues the previous one.
  Workload w = ClosedLoop(3);
  w.groups[0].program = {RunOp(Nanos::Millis(50))};
  w.groups[0].affinity = {0};
  SimResult r = RunPolicy(TestPolicy("head_first"), w);
  ASSERT_EQ(r.outcome, Outcome::kOk) << r.diagnosis;
  EXPECT_GT(r.metrics["switches_per_s"], 200);
}

TEST(Kernel, AWorkloadThatCannotFinishIsNamed) {
  Workload w = RunSleepRun(1);
  w.semaphores = {"never"};
  w.groups[0].program = {RunOp(Nanos::Millis(1)), {.kind = OpKind::kWait}};
  SimResult r = RunPolicy(ShippedPolicy("fifo"), w);
  EXPECT_EQ(r.outcome, Outcome::kStuck);
  EXPECT_NE(r.diagnosis.find("worker[0] waits for 'never', which nobody signals any more"), std::string::npos) << r.diagnosis;
}

}  // namespace
}  // namespace ose
