// Every shipped workload is read, has a bound for what it optimises, and a few of each family run under two
// policies; and the operations of programs do what workload.h says.
#include <gtest/gtest.h>

#include "base/file.h"
#include "core/stats.h"
#include "sim/simulate.h"
#include "sim/testing.h"
#include "workload/bound.h"

namespace ose {
namespace {

NativePolicy Policy(const std::string& name) {
  auto policy = NativePolicy::Open(ShippedPolicy(name));
  EXPECT_TRUE(policy.ok()) << policy.error().message;
  return std::move(*policy);
}

Metrics Measure(const std::string& text, int cpus = 1, const std::string& policy = "fifo") {
  auto w = ParseWorkload("format = 1\n" + text, "t.toml");
  EXPECT_TRUE(w.ok()) << (w.ok() ? "" : w.error().message);
  if (!w.ok()) return {};
  const NativePolicy p = Policy(policy);
  SimResult r = Simulate(*w, CostlessMachine(cpus), p, 1, {.checked = true});
  EXPECT_EQ(r.outcome, Outcome::kOk) << r.diagnosis;
  return r.metrics;
}

struct Shipped {
  std::string name;
  Workload workload;
  Machine machine;
};

std::vector<Shipped> AllShipped() {
  const std::string root = OSE_SOURCE_DIR;
  std::vector<Shipped> out;
  for (const char* suffix : {".toml", ".json"}) {
    auto files = ListFiles(root + "/workloads", suffix);
    EXPECT_TRUE(files.ok());
    for (const std::string& f : *files) {
      auto w = LoadWorkload(root + "/workloads/" + f);
      EXPECT_TRUE(w.ok()) << (w.ok() ? "" : w.error().message);
      if (!w.ok()) continue;
      auto m = LoadMachine(root + "/machines/" + w->machine + ".toml");
      EXPECT_TRUE(m.ok()) << f << ": " << (m.ok() ? "" : m.error().message);
      if (!m.ok()) continue;
      if (w->cpus > 0) m->cpus = w->cpus;
      w->cpus = m->cpus;
      out.push_back({Stem(f), std::move(*w), std::move(*m)});
    }
  }
  return out;
}

TEST(Families, EveryShippedWorkloadHasABound) {
  const std::vector<Shipped> all = AllShipped();
  EXPECT_GE(all.size(), 55u);
  for (const Shipped& s : all) {
    EXPECT_EQ(s.workload.name, s.name);
    EXPECT_FALSE(s.workload.description.empty()) << s.name;
    Workload w = s.workload;  // for what a bound needs, a moment of an open loop is as good as all of it
    if (!w.run_to_completion) w.warmup = {0}, w.horizon = std::min(w.horizon, Nanos::Millis(20));
    const Metrics bounds = Bounds(w, s.machine, 1);
    for (const Objective& o : w.objectives) {
      ASSERT_TRUE(bounds.contains(o.metric)) << s.name << ": " << o.metric;
      EXPECT_GT(bounds.at(o.metric), 0) << s.name << ": " << o.metric;
    }
  }
}

// A moment of each that does not run to completion: that costs little, and a program that cannot go on shows.
TEST(Families, EveryOpenEndedWorkloadRuns) {
  const NativePolicy fifo = Policy("fifo"), eevdf = Policy("eevdf");
  for (const Shipped& s : AllShipped()) {
    if (s.workload.run_to_completion) continue;
    Workload w = s.workload;
    w.warmup = {0};
    w.horizon = std::min(w.horizon, Nanos::Millis(s.machine.cpus > 4 ? 10 : 100));
    for (const NativePolicy* p : {&fifo, &eevdf}) {
      SimResult r = Simulate(w, s.machine, *p, 1);
      EXPECT_EQ(r.outcome, Outcome::kOk) << s.name << ": " << r.diagnosis;
    }
  }
}

TEST(Families, SmallOnesRunToCompletion) {
  const NativePolicy fifo = Policy("fifo"), eevdf = Policy("eevdf");
  for (const Shipped& s : AllShipped()) {
    const bool small = s.name.starts_with("hol-4") || s.name == "hol-8x2" || s.name == "build-2cpu" || s.name == "rtapp-build-2cpu" || s.name == "hackbench-2cpu";
    if (!small) continue;
    const Metrics bounds = Bounds(s.workload, s.machine, 3);
    for (const NativePolicy* p : {&fifo, &eevdf}) {
      SimResult r = Simulate(s.workload, s.machine, *p, 3);
      ASSERT_EQ(r.outcome, Outcome::kOk) << s.name << ": " << r.diagnosis;
      for (const Objective& o : s.workload.objectives) {
        const double value = r.metrics.at(o.metric), bound = bounds.at(o.metric);
        EXPECT_TRUE(o.direction == Direction::kMaximize ? value <= bound * (1 + 1e-9) : value >= bound * (1 - 1e-9))
            << s.name << ": " << o.metric << " " << value << " is better than its bound " << bound;
      }
    }
  }
}

// --- Closed loop with think time ----------------------------------------------------------

TEST(Families, ThinkTimesGiveTheMachineRepairmansThroughput) {
  // 6 tasks think for Z = 3 ms (exponential) and need S = 1 ms (exponential) of one CPU, first come first
  // served: p0 = 1 / sum over n of (6! / (6 - n)!) (S / Z)^n, throughput (1 - p0) / S. (Kleinrock, Queueing
  // Systems I, 3.8.)
  double p0 = 0, term = 1;
  for (int n = 0; n <= 6; ++n) {
    p0 += term;
    term *= (6 - n) / 3.0;
  }
  const double expected = 1000 * (1 - 1 / p0);
  auto w = ParseWorkload("format = 1\nhorizon_s = 50\nwarmup_s = 1\n[[group]]\nname = 'a'\ncount = 6\nrepeat = true\n"
                         "program = [ { sleep_ms = { exponential = 3 } }, { run_ms = { exponential = 1 } } ]\n", "t.toml");
  ASSERT_TRUE(w.ok());
  NativePolicy fifo = Policy("fifo");
  ASSERT_TRUE(fifo.SetTunables({{"slice_ns", 1'000'000'000}}).ok());
  std::vector<double> xs;
  for (uint64_t seed = 1; seed <= 8; ++seed) xs.push_back(Simulate(*w, CostlessMachine(1), fifo, seed).metrics["throughput"]);
  const Interval i = MeanInterval(xs, 0.999);
  EXPECT_LT(i.lo, expected);
  EXPECT_GT(i.hi, expected);
  EXPECT_LT(i.hi - i.lo, 0.02 * expected);
}

// --- Operations ---------------------------------------------------------------------------

TEST(Operations, AConditionReleasesItsMutexAndTakesItAgain) {
  // b can only signal because a's wait has released m; a goes on when b, 2 ms later, unlocks it: at 3 ms.
  const Metrics m = Measure(
      "[[group]]\nname = 'a'\nprogram = [ { lock = 'm' }, { cond_wait = 'c', mutex = 'm' }, { unlock = 'm' }, { run_ms = 1 } ]\n"
      "[[group]]\nname = 'b'\nstart_ms = 1\nprogram = [ { lock = 'm' }, { cond_signal = 'c' }, { run_ms = 2 }, { unlock = 'm' } ]\n", 2);
  EXPECT_DOUBLE_EQ(m.at("span"), 4000);
  EXPECT_DOUBLE_EQ(m.at("sleeps"), 1);  // the wake-up comes with the mutex
}

TEST(Operations, ASignalThatNobodyWaitsForIsLost) {
  auto w = ParseWorkload("format = 1\n[[group]]\nname = 'a'\nprogram = [ { sleep_ms = 2 }, { cond_wait = 'c' } ]\n"
                         "[[group]]\nname = 'b'\nprogram = [ { run_ms = 1 }, { cond_signal = 'c' }, { cond_broadcast = 'c' } ]\n", "t.toml");
  ASSERT_TRUE(w.ok());
  const NativePolicy fifo = Policy("fifo");
  SimResult r = Simulate(*w, CostlessMachine(2), fifo, 1);
  EXPECT_EQ(r.outcome, Outcome::kStuck);
  EXPECT_NE(r.diagnosis.find("a[0] waits for condition 'c', which nobody signals any more"), std::string::npos) << r.diagnosis;
}

TEST(Operations, ASignalWakesOneAndABroadcastAll) {
  const Metrics m = Measure(
      "[[group]]\nname = 'a'\ncount = 3\nprogram = [ { cond_wait = 'c' }, { run_ms = 1 } ]\n"
      "[[group]]\nname = 'b'\nprogram = [ { sleep_ms = 1 }, { cond_signal = 'c' }, { sleep_ms = 9 }, { cond_broadcast = 'c' } ]\n", 4);
  EXPECT_DOUBLE_EQ(m.at("span"), 11'000);
  EXPECT_DOUBLE_EQ(m.at("cpu_time"), 3000);
}

TEST(Operations, PeriodsCountFromWhenTheyWereDue) {
  // Runs end at 1, 11, 21, ... whatever the runs take: 5 passes, the last period due at 50 ms.
  EXPECT_DOUBLE_EQ(Measure("[[group]]\nname = 'a'\nprogram = [ { loop = 5, program = [ { run_ms = 1 }, { period_ms = 10 } ] } ]\n").at("span"), 50'000);
  // One overrun of 25 ms: relative, the next period counts from its end; absolute, from when it was due.
  const std::string program = "program = [ { run_ms = 25 }, { period_ms = 10, timer = 't' }, { loop = 2, program = [ { run_ms = 1 }, { period_ms = 10, timer = 't' } ] } ]\n";
  EXPECT_DOUBLE_EQ(Measure("[[timer]]\nname = 't'\n[[group]]\nname = 'a'\n" + program).at("span"), 45'000);
  EXPECT_DOUBLE_EQ(Measure("[[timer]]\nname = 't'\nabsolute = true\n[[group]]\nname = 'a'\n" + program).at("span"), 30'000);
  // From the start of the task, not of the run.
  EXPECT_DOUBLE_EQ(Measure("[[group]]\nname = 'a'\nstart_ms = 7\nprogram = [ { period_ms = 10 }, { run_ms = 1 } ]\n").at("span"), 11'000);
}

TEST(Operations, ASharedTimerIsOne) {
  // Each use moves it on: 10, 20, 30, 40 ms for two tasks with two uses each.
  EXPECT_DOUBLE_EQ(Measure("[[timer]]\nname = 't'\nshared = true\n[[group]]\nname = 'a'\ncount = 2\nprogram = [ { loop = 2, program = [ { period_ms = 10, timer = 't' } ] } ]\n", 2).at("span"), 40'000);
  EXPECT_DOUBLE_EQ(Measure("[[group]]\nname = 'a'\ncount = 2\nprogram = [ { loop = 2, program = [ { period_ms = 10 } ] } ]\n", 2).at("span"), 20'000);
}

TEST(Operations, ASpinEndsByTheClock) {
  // Alone it uses what it lasts, to the next 32 us.
  EXPECT_DOUBLE_EQ(Measure("[[group]]\nname = 'a'\nprogram = [ { spin_ms = 10 } ]\n").at("cpu_time"), 10'016);
  // Two on one CPU use half each, in the same time. rr's slices are precise here.
  const Metrics m = Measure("[[group]]\nname = 'a'\ncount = 2\nprogram = [ { spin_ms = 500 } ]\n", 1, "rr");
  EXPECT_NEAR(m.at("cpu_time"), 500'000, 5000);  // a slice
  EXPECT_LT(m.at("span"), 530'000);
}

}  // namespace
}  // namespace ose
