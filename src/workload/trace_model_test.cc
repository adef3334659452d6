#include "workload/trace_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/exit_code.h"
#include "workload/program_builder.h"
#include "workload/script.h"

namespace ose {
namespace {

using Kind = SchedEvent::Kind;
using testing::ElementsAre;
using testing::HasSubstr;

// A hand-written trace; times in microseconds after 1 s.
class Trace {
 public:
  explicit Trace(TraceModelOptions options = {}) : model_(std::move(options)) {}

  Trace& Switch(int64_t us, int cpu, int prev, PrevState state, int next) {
    SchedEvent e = At(us, cpu, prev);
    e.kind = Kind::kSwitch;
    e.pid = prev;
    e.prev_state = state;
    e.next_pid = next;
    e.comm = e.next_comm = "prog";
    return Add(e);
  }
  Trace& Waking(int us, int cpu, int waker, int pid, bool interrupt = false) {
    SchedEvent e = At(us, cpu, waker);
    e.kind = Kind::kWaking;
    e.pid = pid;
    e.interrupt = interrupt;
    e.comm = "prog";
    return Add(e);
  }
  Trace& Fork(int us, int cpu, int parent, int child, Kind kind = Kind::kFork) {
    SchedEvent e = At(us, cpu, parent);
    e.kind = kind;
    e.pid = child;
    e.comm = "child";
    return Add(e);
  }
  Trace& Exec(int us, int cpu, int pid, int old_pid) {
    SchedEvent e = At(us, cpu, pid);
    e.kind = Kind::kExec;
    e.pid = pid;
    e.old_pid = old_pid;
    e.comm = "prog";
    return Add(e);
  }
  Trace& Yield(int us, int cpu, int pid) {
    SchedEvent e = At(us, cpu, pid);
    e.kind = Kind::kYield;
    return Add(e);
  }
  Trace& Gap(int us, int cpu, int64_t lost) {
    SchedEvent e = At(us, cpu, 0);
    e.kind = Kind::kGap;
    e.lost = lost;
    return Add(e);
  }
  TraceResult Finish() {
    auto r = model_.Finish();
    EXPECT_TRUE(r.ok()) << r.error().message;
    return r.ok() ? std::move(r).value() : TraceResult{};
  }
  Result<TraceResult> TryFinish() { return model_.Finish(); }

 private:
  static SchedEvent At(int64_t us, int cpu, int context) {
    SchedEvent e;
    e.time_ns = 1'000'000'000 + us * 1'000;
    e.cpu = cpu;
    e.context = context;
    return e;
  }
  Trace& Add(const SchedEvent& e) {
    model_.Add(e);
    return *this;
  }
  TraceModel model_;
};

constexpr PrevState R = PrevState::kRunnable, P = PrevState::kPreempted, S = PrevState::kBlocked,
                    Z = PrevState::kDead;

std::vector<std::string> Programs(const Workload& w) {
  std::vector<std::string> out;
  for (const Group& g : w.groups) {
    std::string s = FormatScript(g.program);
    if (!s.empty()) s.pop_back();
    out.push_back(s);
  }
  return out;
}

TraceModelOptions Follow(std::vector<int> pids) {
  TraceModelOptions o;
  o.pids = std::move(pids);
  o.yields_traced = true;
  o.cpus = 2;
  o.command = "/usr/bin/prog --x";
  return o;
}

TEST(TraceModel, PreemptionMergesIntoOneBurst) {
  TraceResult r = Trace(Follow({10}))
                      .Switch(0, 0, 0, R, 10)
                      .Switch(5, 0, 10, P, 99)
                      .Switch(7, 0, 99, S, 10)
                      .Switch(10, 0, 10, R, 99)
                      .Switch(20, 1, 0, R, 10)
                      .Switch(22, 1, 10, Z, 0)
                      .Finish();
  EXPECT_THAT(Programs(r.workload), ElementsAre("r10000"));
  EXPECT_EQ(r.totals.runs, 1);
  EXPECT_EQ(r.totals.sleeps, 0);
  EXPECT_EQ(r.totals.switches, 3);
  EXPECT_EQ(r.totals.preemptions, 2);
  EXPECT_EQ(r.totals.cpu.v, 10'000);
  EXPECT_EQ(r.totals.span.v, 22'000);
  EXPECT_EQ(r.totals.unfinished, 0);
}

TEST(TraceModel, WakeByFollowedTaskIsSignalAndWait) {
  TraceResult r = Trace(Follow({10, 11}))
                      .Switch(0, 0, 0, R, 10)
                      .Switch(0, 1, 0, R, 11)
                      .Switch(4, 0, 10, S, 0)
                      .Waking(6, 1, 11, 10)
                      .Switch(8, 0, 0, R, 10)
                      .Switch(9, 1, 11, Z, 0)
                      .Switch(13, 0, 10, Z, 0)
                      .Finish();
  EXPECT_THAT(Programs(r.workload), ElementsAre("r4000 w0 r5000", "r6000 k0 r3000"));
  EXPECT_THAT(r.workload.semaphores, ElementsAre("sem0"));
  EXPECT_EQ(r.totals.runs, 3);
  EXPECT_EQ(r.totals.sleeps, 1);
  EXPECT_EQ(r.totals.wakeups, 1);
  EXPECT_EQ(r.totals.signals, 1);
}

TEST(TraceModel, OtherWakesAreTimers) {
  TraceResult r = Trace(Follow({10, 11}))
                      .Switch(0, 0, 0, R, 10)
                      .Switch(0, 1, 0, R, 11)
                      .Switch(1, 0, 10, S, 0)
                      .Waking(2, 1, 11, 10, /*interrupt=*/true)  // a device interrupted task 11
                      .Switch(3, 0, 0, R, 10)
                      .Switch(4, 0, 10, S, 99)
                      .Waking(6, 0, 99, 10)  // a stranger
                      .Switch(7, 0, 99, R, 10)
                      .Switch(8, 0, 10, S, 0)
                      .Waking(9, 0, 0, 10, true)  // the idle task's timer
                      .Switch(10, 0, 0, R, 10)
                      .Switch(11, 0, 10, Z, 0)
                      .Switch(12, 1, 11, Z, 0)
                      .Finish();
  EXPECT_THAT(Programs(r.workload), ElementsAre("r1000 t2000 r1000 t6000 r1000 t9000 r1000", "r12000"));
  EXPECT_TRUE(r.workload.semaphores.empty());
  EXPECT_EQ(r.totals.signals, 0);
}

TEST(TraceModel, WakeOfATaskThatHadNotSleptLeavesNothing) {
  TraceResult r = Trace(Follow({10, 11}))
                      .Switch(0, 0, 0, R, 10)
                      .Switch(0, 1, 0, R, 11)
                      .Waking(1, 1, 11, 10)  // it runs: spurious
                      .Waking(2, 1, 11, 10)
                      .Switch(3, 0, 10, S, 0)
                      .Waking(4, 1, 11, 10)  // this one ends the sleep
                      .Waking(5, 1, 11, 10)  // it waits for a CPU: spurious
                      .Switch(6, 0, 0, R, 10)
                      .Switch(7, 0, 10, Z, 0)
                      .Switch(8, 1, 11, Z, 0)
                      .Finish();
  EXPECT_THAT(Programs(r.workload), ElementsAre("r3000 w0 r1000", "r4000 k0 r4000"));
}

TEST(TraceModel, WakeThatRacesWithTheSwitchToSleep) {
  TraceResult r = Trace(Follow({10, 11}))
                      .Switch(0, 0, 0, R, 10)
                      .Switch(0, 1, 0, R, 11)
                      .Waking(2, 1, 11, 10)    // between "I shall sleep"
                      .Switch(3, 0, 10, S, 0)  // and the switch
                      .Switch(5, 0, 0, R, 10)  // no other wake-up
                      .Switch(6, 0, 10, Z, 0)
                      .Switch(8, 1, 11, Z, 0)
                      .Finish();
  EXPECT_THAT(Programs(r.workload), ElementsAre("r3000 w0 r1000", "r2000 k0 r6000"));
}

TEST(TraceModel, ForkStartsTheChildWhereItWasWoken) {
  TraceResult r = Trace(Follow({10}))
                      .Switch(0, 0, 0, R, 10)
                      .Fork(3, 0, 10, 20)
                      .Fork(4, 0, 10, 20, Kind::kWakeupNew)
                      .Fork(5, 0, 10, 21)  // never runs
                      .Fork(6, 0, 10, 21, Kind::kWakeupNew)
                      .Switch(6, 1, 0, R, 20)
                      .Switch(7, 0, 10, S, 0)
                      .Waking(9, 1, 20, 10)
                      .Switch(9, 1, 20, Z, 0)
                      .Switch(11, 0, 0, R, 10)
                      .Switch(12, 0, 10, Z, 0)
                      .Finish();
  ASSERT_EQ(r.workload.groups.size(), 2u);
  EXPECT_THAT(Programs(r.workload), ElementsAre("r4000 f1 r3000 w0 r1000", "r3000 k0"));
  EXPECT_FALSE(r.workload.groups[0].forked);
  EXPECT_TRUE(r.workload.groups[1].forked);
  EXPECT_EQ(r.workload.groups[1].name, "prog-1");
}

TEST(TraceModel, ExecStartsTheRecording) {
  TraceModelOptions o = Follow({10});
  o.start_at_exec_of = 10;
  TraceResult r = Trace(o)
                      .Switch(0, 0, 0, R, 10)
                      .Switch(1, 0, 10, S, 0)
                      .Waking(2, 1, 5, 10)
                      .Switch(3, 0, 0, R, 10)
                      .Exec(5, 0, 10, 10)
                      .Switch(8, 0, 10, S, 0)
                      .Waking(15, 0, 0, 10, true)
                      .Switch(16, 0, 0, R, 10)
                      .Switch(17, 0, 10, Z, 0)
                      .Finish();
  EXPECT_THAT(Programs(r.workload), ElementsAre("r3000 t10000 r1000"));
  EXPECT_EQ(r.totals.span.v, 12'000);
}

TEST(TraceModel, ThreadThatExecutesTakesTheLeadersId) {
  TraceResult r = Trace(Follow({10}))
                      .Switch(0, 0, 0, R, 10)
                      .Fork(1, 0, 10, 11)
                      .Fork(1, 0, 10, 11, Kind::kWakeupNew)
                      .Switch(2, 1, 0, R, 11)
                      .Switch(3, 0, 10, Z, 0)
                      .Exec(4, 1, 10, 11)
                      .Switch(6, 1, 10, Z, 0)
                      .Finish();
  EXPECT_THAT(Programs(r.workload), ElementsAre("r1000 f1 r2000", "r4000"));
}

TEST(TraceModel, YieldsTraced) {
  TraceResult r = Trace(Follow({10}))
                      .Switch(0, 0, 0, R, 10)
                      .Yield(20, 0, 10)  // nobody else: no switch
                      .Yield(21, 0, 10)
                      .Switch(22, 0, 10, R, 99)
                      .Switch(30, 0, 99, R, 10)
                      .Switch(31, 0, 10, Z, 0)
                      .Finish();
  // The time in the system call after the yield belongs to the next run.
  EXPECT_THAT(Programs(r.workload), ElementsAre("r20000 y r1000 y r2000"));
  EXPECT_EQ(r.totals.yields, 2);
  EXPECT_EQ(r.totals.preemptions, 0);
}

TEST(TraceModel, YieldsGuessed) {
  TraceModelOptions o = Follow({10, 11});
  o.yields_traced = false;
  Trace t(o);
  t.Switch(0, 0, 0, R, 10)
      .Switch(20, 0, 10, R, 11)    // short, nobody was woken here: a yield
      .Switch(40, 0, 11, R, 10)    // likewise
      .Switch(5040, 0, 10, R, 11)  // a slice was used up: preempted
      .Switch(5060, 0, 11, R, 99)  // for a stranger: preempted
      .Switch(5070, 0, 99, S, 11)
      .Switch(5080, 0, 11, Z, 10)
      .Switch(5090, 0, 10, Z, 0);
  TraceResult r = t.Finish();
  EXPECT_THAT(Programs(r.workload), ElementsAre("r20000 y r5010000", "r20000 y r30000"));
  EXPECT_THAT(r.notes, ElementsAre(HasSubstr("2 switches in state R count as yields")));
}

TEST(TraceModel, CutAtTheEnd) {
  TraceResult r = Trace(Follow({10, 11}))
                      .Switch(0, 0, 0, R, 10)
                      .Switch(0, 1, 0, R, 11)
                      .Switch(4, 0, 10, S, 0)  // still asleep at the end: no wait
                      .Switch(6, 1, 11, P, 99)
                      .Finish();
  EXPECT_THAT(Programs(r.workload), ElementsAre("r4000", "r6000"));
  EXPECT_EQ(r.totals.unfinished, 2);
  EXPECT_EQ(r.totals.sleeps, 1);
  EXPECT_EQ(r.totals.wakeups, 0);
  EXPECT_THAT(r.notes, ElementsAre(HasSubstr("2 tasks had not ended")));
}

TEST(TraceModel, AsleepOrRunningWhenTheRecordingStarts) {
  TraceModelOptions o = Follow({10, 11});
  o.start_ns = 1'000'000'000;
  TraceResult r = Trace(o)
                      .Switch(5, 0, 10, S, 0)  // was running
                      .Waking(7, 1, 99, 11)    // was asleep
                      .Switch(8, 1, 99, S, 11)
                      .Waking(9, 1, 11, 10)
                      .Switch(10, 1, 11, Z, 10)
                      .Switch(12, 1, 10, Z, 0)
                      .Finish();
  EXPECT_THAT(Programs(r.workload), ElementsAre("r5000 w0 r2000", "t7000 r1000 k0 r1000"));
}

TEST(TraceModel, LostEvents) {
  TraceResult r = Trace(Follow({10}))
                      .Switch(0, 0, 0, R, 10)
                      .Switch(2, 0, 10, S, 0)
                      .Waking(3, 0, 0, 10, true)
                      .Switch(4, 0, 0, R, 10)
                      .Yield(6, 0, 10)
                      .Gap(100, 0, 7)
                      .Switch(101, 0, 10, S, 0)  // when it got the CPU is not known
                      .Switch(103, 0, 0, R, 10)  // nor who woke it
                      .Switch(105, 0, 10, Z, 0)
                      .Finish();
  EXPECT_THAT(Programs(r.workload), ElementsAre("r2000 t3000 r2000 y t103000 r2000"));
  EXPECT_EQ(r.totals.lost_events, 7);
  EXPECT_EQ(r.workload.recorded.lost_events, 7);
  EXPECT_THAT(r.notes, ElementsAre(HasSubstr("7 events were lost")));
}

TEST(TraceModel, SwitchingCostsAreTakenOff) {
  TraceModelOptions o = Follow({10, 11});
  o.context_switch = Nanos{1'500};
  o.wakeup = Nanos{800};
  TraceResult r = Trace(o)
                      .Switch(0, 0, 0, R, 10)
                      .Switch(0, 1, 0, R, 11)
                      .Switch(1, 0, 10, S, 0)  // shorter than a switch
                      .Waking(6, 1, 11, 10)
                      .Switch(8, 0, 0, R, 10)
                      .Switch(10, 1, 11, Z, 0)
                      .Switch(13, 0, 10, Z, 0)
                      .Finish();
  EXPECT_THAT(Programs(r.workload), ElementsAre("w0 r3500", "r4500 k0 r3200"));
  EXPECT_EQ(r.totals.cpu.v, 16'000);
  EXPECT_EQ(r.totals.work.v, 11'200);
}

TEST(TraceModel, WorkloadFields) {
  TraceModelOptions o = Follow({10});
  Trace t(o);
  t.Switch(0, 0, 0, R, 10)
      .Switch(1, 0, 10, S, 0)
      .Waking(2, 0, 0, 10)
      .Switch(3, 0, 0, R, 10)
      .Switch(4, 0, 10, Z, 0);
  TraceResult r = t.Finish();
  const Workload& w = r.workload;
  EXPECT_EQ(w.name, "prog");
  EXPECT_EQ(w.cpus, 2);
  EXPECT_TRUE(w.run_to_completion);
  EXPECT_EQ(w.horizon.v, 40'000 + 1'000'000'000);
  ASSERT_EQ(w.objectives.size(), 2u);
  EXPECT_EQ(w.objectives[0].metric, "span");
  EXPECT_EQ(w.objectives[1].metric, "wakeup_p99");
  EXPECT_EQ(w.groups[0].event, EventKind::kNone);
  EXPECT_EQ(w.groups[0].weight, 100);
  EXPECT_TRUE(w.recorded.present);
  EXPECT_EQ(w.recorded.command, "/usr/bin/prog --x");
  EXPECT_EQ(w.recorded.span_us, 4);
  EXPECT_EQ(w.recorded.cpu_us, 2);
  EXPECT_EQ(w.recorded.runs, 2);
}

TEST(TraceModel, NothingRan) {
  auto r = Trace(Follow({10})).Switch(0, 0, 5, S, 6).TryFinish();
  ASSERT_FALSE(r.ok());
  EXPECT_EQ(r.error().code, kExitBadTrace);
}

// The argument of trace_model.cc, tried: random traces of a consistent machine, replayed as a
// net of waits, signals and forks, always run to the end.
// A task whose switch onto the CPU was not seen has not run since time 0.
TEST(TraceModel, AForkShowsThatItsParentRuns) {
  TraceResult r = Trace(Follow({10}))
                      .Waking(0, 1, 99, 10)
                      .Fork(500, 0, 10, 11)
                      .Switch(700, 0, 10, Z, 0)
                      .Finish();
  EXPECT_THAT(Programs(r.workload), ElementsAre("t0 r200000"));
  EXPECT_EQ(r.workload.recorded.cpu_us, 200);
  TraceResult running = Trace(Follow({10})).Fork(500, 0, 10, 11).Switch(700, 0, 10, Z, 0).Finish();
  EXPECT_EQ(running.workload.recorded.cpu_us, 200);  // the recording starts with what it did first
}

TEST(TraceModel, ADamagedTimeIsNoLongRecording) {
  const auto result = Trace(Follow({10})).Switch(0, 0, 0, R, 10).Switch(1'000'001'000'000, 0, 10, Z, 0).TryFinish();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, kExitBadTrace);
  EXPECT_THAT(result.error().message, HasSubstr("1000001 s, more than a workload can have (1000000 s)"));
}

TEST(TraceModel, ReplayNeverDeadlocks) {
  for (uint64_t seed = 0; seed < 200; seed++) {
    Rng rng(seed);
    constexpr int kTasks = 6;
    std::vector<int> pids;
    for (int i = 0; i < kTasks; i++) pids.push_back(10 + i);
    Trace t(Follow(pids));
    enum { kQueued, kRunning, kAsleep } state[kTasks] = {};
    int on_cpu[2] = {-1, -1};
    for (int us = 1; us < 600; us++) {
      int cpu = static_cast<int>(rng.Below(2)), other = static_cast<int>(rng.Below(kTasks));
      int& me = on_cpu[cpu];
      int me_pid = me < 0 ? 0 : 10 + me;
      switch (rng.Below(4)) {
        case 0:  // wake somebody: asleep, running or queued
          if (other == me) break;
          t.Waking(us, cpu, me_pid, 10 + other, rng.Below(4) == 0);
          if (state[other] == kAsleep) state[other] = kQueued;
          break;
        default: {
          if (other == me || state[other] != kQueued) break;
          PrevState left = rng.Below(3) ? S : R;
          t.Switch(us, cpu, me_pid, left, 10 + other);
          if (me >= 0) state[me] = left == S ? kAsleep : kQueued;
          me = other;
          state[other] = kRunning;
        }
      }
    }
    auto result = t.TryFinish();
    if (!result.ok()) continue;
    const Workload& w = result->workload;
    std::vector<size_t> at(w.groups.size(), 0);
    std::vector<int> tokens(w.semaphores.size(), 0);
    for (bool moved = true; moved;) {
      moved = false;
      for (size_t g = 0; g < w.groups.size(); g++) {
        while (at[g] < w.groups[g].program.size()) {
          const Op& op = w.groups[g].program[at[g]];
          if (op.kind == OpKind::kWait && tokens[op.object] == 0) break;
          if (op.kind == OpKind::kWait) tokens[op.object]--;
          if (op.kind == OpKind::kSignal) tokens[op.object] += static_cast<int>(op.count);
          at[g]++;
          moved = true;
        }
      }
    }
    for (size_t g = 0; g < w.groups.size(); g++) EXPECT_EQ(at[g], w.groups[g].program.size()) << seed;
    for (int left : tokens) EXPECT_EQ(left, 0) << seed;
  }
}

TEST(ProgramBuilder, ShortBurstsBetweenYieldsBecomeALoop) {
  ProgramBuilder b;
  for (int ns : {1'000, 2'000, 4'001}) {
    b.Run(ns);
    b.Yield();
  }
  b.Run(7'000);
  b.Add({.kind = OpKind::kSignal});
  b.Run(30'000);
  b.Yield();
  b.Run(500);
  b.Yield();
  EXPECT_EQ(FormatScript(b.Take()), "[3 r2333 y ] r7002 k0 r30000 y r500 y\n");
  EXPECT_TRUE(b.empty());
}

TEST(ProgramBuilder, ReservedPlaces) {
  ProgramBuilder b;
  b.Run(5);
  size_t unused = b.Reserve();
  b.Run(6);
  size_t used = b.Reserve();
  b.Run(7);
  (void)unused;
  b.Replace(used, {.kind = OpKind::kSignal, .object = 3});
  EXPECT_EQ(FormatScript(b.Take()), "r11 k3 r7\n");
}

}  // namespace
}  // namespace ose
