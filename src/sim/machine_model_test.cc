// The parts of the machine model, one by one on a machine where nothing else costs anything, so that
// every expected value is worked out by hand.
#include <gtest/gtest.h>

#include "sim/kernel.h"
#include "sim/simulate.h"
#include "sim/testing.h"

namespace ose {
namespace {

// What the CPUs' accounts say at the end.
class Accounts : public ScheduleObserver {
 public:
  void OnEnd(const Kernel& kernel) override {
    end = kernel.now();
    for (int c = 0; c < kernel.machine().cpus; ++c) totals.push_back(kernel.totals(c));
  }
  Nanos Sum(Nanos CpuTotals::* field) const {
    Nanos sum{0};
    for (const CpuTotals& t : totals) sum += t.*field;
    return sum;
  }
  Nanos end{0};
  std::vector<CpuTotals> totals;
};

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

}  // namespace
}  // namespace ose
