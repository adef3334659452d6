// Profiles that can be worked out by hand, and what holds for all of them.
#include "sim/profiler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "sim/testing.h"

namespace ose {
namespace {

// a and b, 3 ms each.
Workload Pair() {
  Workload w;
  w.name = "pair";
  w.run_to_completion = true;
  w.horizon = Nanos::Seconds(1);
  for (const char* name : {"a", "b"}) {
    Group g;
    g.name = name;
    g.program = {RunOp(Nanos::Millis(3))};
    w.groups.push_back(g);
  }
  return w;
}

ScheduleProfile ProfileOf(const Workload& w, const Machine& m, const std::string& policy_name, const Tunables& tunables = {}) {
  auto policy = NativePolicy::Open(ShippedPolicy(policy_name));
  EXPECT_TRUE(policy.ok() && policy->SetTunables(tunables).ok());
  ScheduleProfile p;
  SimResult r = SimulateWithProfile(w, m, *policy, 1, {.checked = true}, &p);
  EXPECT_EQ(r.outcome, Outcome::kOk) << r.diagnosis;
  return p;
}

constexpr int64_t kMs = 1'000'000;
const Tunables kTwoMs = {{"quantum_ns", 2'000'000}};

// 0-2 a, 2-4 b, 4-5 a, 5-6 b.
TEST(Profiler, CountsTwoTasksThatTakeTurnsToTheNanosecond) {
  ScheduleProfile p = ProfileOf(Pair(), CostlessMachine(1), "rr", kTwoMs);
  EXPECT_EQ(p.time_ns, 6 * kMs);
  EXPECT_EQ(p.Total(), (ProfileCpu{.useful_ns = 6 * kMs}));
  EXPECT_EQ(p.overhead, ProfileOverhead{});
  EXPECT_EQ(p.waiting_task_ns, 5 * kMs);
  EXPECT_EQ(p.some_waiting_ns, 5 * kMs);
  EXPECT_EQ(p.max_waiting, 2);
  EXPECT_EQ(p.some_idle_waiting_ns, 0);

  ASSERT_EQ(p.groups.size(), 2u);
  const ProfileGroup &a = p.groups[0], &b = p.groups[1];
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.tasks, 1);
  EXPECT_EQ(a.cpu_ns, 3 * kMs);
  EXPECT_EQ(a.waits.count, 2);  // 0 and 2 ms
  EXPECT_EQ(a.waits.total_ns, 2 * kMs);
  EXPECT_EQ(a.waits.p50_ns, 0);
  EXPECT_EQ(a.waits.max_ns, 2 * kMs);
  EXPECT_EQ(b.waits.total_ns, 3 * kMs);  // 2 and 1 ms
  EXPECT_EQ(b.waits.max_ns, 2 * kMs);
  EXPECT_NEAR(static_cast<double>(b.waits.p50_ns), 1e6, 0.004e6);
  EXPECT_EQ(a.wakeups.count, 1);
  EXPECT_EQ(a.wakeups.max_ns, 0);
  EXPECT_EQ(b.wakeups.max_ns, 2 * kMs);
  EXPECT_EQ(a.turns.count, 2);
  EXPECT_EQ(a.turns.total_ns, 3 * kMs);
  EXPECT_EQ(a.turns.max_ns, 2 * kMs);
  for (const ProfileGroup& g : p.groups) EXPECT_EQ(g.ends, (ProfileTurnEnds{.exited = 1, .slice_used_up = 1}));

  ASSERT_EQ(p.episodes.size(), 2u);
  EXPECT_EQ(p.episodes[0], (ProfileEpisode{.task = "b[0]", .begin_ns = 0, .end_ns = 2 * kMs, .why = "it started", .queue = "queue 0", .cpu = 0,
                                           .meanwhile = {{.cpu = 0, .who = "a[0]", .begin_ns = 0, .ns = 2 * kMs}}}));
  EXPECT_EQ(p.episodes[1], (ProfileEpisode{.task = "a[0]", .begin_ns = 2 * kMs, .end_ns = 4 * kMs, .why = "its slice was used up on cpu 0",
                                           .queue = "queue 0", .cpu = 0,
                                           .meanwhile = {{.cpu = 0, .who = "b[0]", .begin_ns = 2 * kMs, .ns = 2 * kMs}}}));
}

TEST(Profiler, TheTextOfATinySchedule) {
  EXPECT_EQ(FormatProfile(ProfileOf(Pair(), CostlessMachine(1), "rr", kTwoMs)), R"(Schedule of pair on costless, seed 1: 1 CPU, 2 tasks, 6.00 ms
CPU time     useful 100.0%, overhead 0%, idle 0%; idle while a task waited 0%
overhead     policy 0%, context switches 0%, wake-ups 0%, migrations 0%
each CPU     useful: least 100.0% (cpu 0), mean 100.0%, most 100.0% (cpu 0)
waiting      0.83 tasks on average, 2 at most; some task waited 83.3% of the time,
             with a CPU idle meanwhile 0%
turns ended  4: slice used up 50.0%, exited 50.0%

group           tasks CPU time    waits  avg wait      p50      p99      max  wake p50      p99
a                   1  3.00 ms        2   1.00 ms     0 ns     0 ns  2.00 ms      0 ns     0 ns
b                   1  3.00 ms        2   1.50 ms  1.00 ms  1.00 ms  2.00 ms   2.00 ms  2.00 ms

group             turns mean turn  longest     slept slice used preempted  yielded  exited migrated
a                     2   1.50 ms  2.00 ms         0          1         0        0       1        0
b                     2   1.50 ms  2.00 ms         0          1         0        0       1        0

Longest waits, and what ran meanwhile on the CPUs allowed to the task
1. b[0] waited 2.00 ms, from 0.000 ms: it started, put into queue 0; then ran on cpu 0
   cpu 0: a[0] 2.00 ms
2. a[0] waited 2.00 ms, from 2.000 ms: its slice was used up on cpu 0, put into queue 0;
   then ran on cpu 0
   cpu 0: b[0] 2.00 ms
)");
}

TEST(Profiler, SeesACpuIdleBesidePinnedTasksThatWait) {
  Workload w = Pair();
  for (Group& g : w.groups) g.affinity = {0};
  ScheduleProfile p = ProfileOf(w, CostlessMachine(2), "rr", kTwoMs);
  EXPECT_EQ(p.cpus[0], (ProfileCpu{.useful_ns = 6 * kMs}));
  EXPECT_EQ(p.cpus[1], (ProfileCpu{.idle_ns = 6 * kMs}));
  EXPECT_EQ(p.idle_while_waiting_ns, 5 * kMs);
  EXPECT_EQ(p.some_idle_waiting_ns, 5 * kMs);
  for (const ProfileEpisode& e : p.episodes)
    for (const ProfileStretch& s : e.meanwhile) EXPECT_EQ(s.cpu, 0);
}

// A request every 0.5 ms to one thread that needs 1 ms for each: they queue for the thread. All overlap,
// so the worst stands for all.
TEST(Profiler, AnOpenLoopIsJudgedByItsEvents) {
  Workload w;
  w.name = "requests";
  w.horizon = Nanos::Millis(2);
  Group g;
  g.name = "request";
  g.arrivals.kind = Arrivals::Kind::kPeriodic;
  g.arrivals.rate_per_s = 2000;
  g.program = {RunOp(Nanos::Millis(1))};
  w.groups.push_back(g);
  ScheduleProfile p = ProfileOf(w, CostlessMachine(1), "fifo");
  ASSERT_EQ(p.episodes.size(), 1u) << EncodeProfile(p);
  SCOPED_TRACE(EncodeProfile(p));
  EXPECT_EQ(p.episodes[0], (ProfileEpisode{.task = "request[0]", .is_event = true, .begin_ns = 1'500'000, .end_ns = 3'500'000,
                                           .why = "arrived while every thread was busy", .queue = "", .cpu = 0, .start_ns = 2'500'000, .work_ns = kMs,
                                           .meanwhile = {{.cpu = 0, .who = "request[0]", .begin_ns = 1'500'000, .ns = 2 * kMs}}}));
}

TEST(Profiler, TellsPreemptionFromSlicesAndSleepAndYield) {
  Workload w = Pair();
  w.groups[0].program = {RunOp(Nanos::Millis(1)), {.kind = OpKind::kYield}, RunOp(Nanos::Millis(1)), SleepOp(Nanos::Millis(1)), RunOp(Nanos::Millis(1))};
  ScheduleProfile p = ProfileOf(w, CostlessMachine(1), "rr", {{"quantum_ns", 50'000'000}});
  EXPECT_EQ(p.groups[0].ends, (ProfileTurnEnds{.slept = 1, .exited = 1, .yielded = 1}));
  EXPECT_EQ(p.groups[1].ends, (ProfileTurnEnds{.exited = 1}));
}

TEST(DurationHistogram, QuantilesAreCloseAndTheRestIsExact) {
  DurationHistogram h;
  int64_t total = 0;
  for (int64_t v = 1; v <= 1'000'000; v += 7) h.Add({v}), total += v;
  ProfileTimes t = h.Times();
  EXPECT_EQ(t.count, 142'858);
  EXPECT_EQ(t.total_ns, total);
  EXPECT_EQ(t.max_ns, 1'000'000);
  EXPECT_NEAR(static_cast<double>(t.p50_ns), 500'000, 2'000);
  EXPECT_NEAR(static_cast<double>(t.p99_ns), 990'000, 4'000);
  DurationHistogram small;
  for (int64_t v : {200, 3, 255}) small.Add({v});
  EXPECT_EQ(small.Times().p50_ns, 200);
}

// --- What holds for every schedule --------------------------------------------------------

struct Shipped {
  const char *workload, *policy;
};
class ShippedProfile : public testing::TestWithParam<Shipped> {};

TEST_P(ShippedProfile, ChangesNothingAndAddsUp) {
  auto w = LoadWorkload(std::string(OSE_SOURCE_DIR) + "/workloads/" + GetParam().workload + ".toml");
  ASSERT_TRUE(w.ok()) << w.error().message;
  auto profile_of_machine = LoadMachine(std::string(OSE_SOURCE_DIR) + "/machines/" + w->machine + ".toml");
  ASSERT_TRUE(profile_of_machine.ok());
  auto m = MachineFor(*w, *profile_of_machine);
  auto policy = NativePolicy::Open(ShippedPolicy(GetParam().policy));
  ASSERT_TRUE(m.ok() && policy.ok());
  if (!w->run_to_completion) w->horizon = std::min(w->horizon, w->warmup + Nanos::Millis(200));
  SimResult without = Simulate(*w, *m, *policy, 3);
  ASSERT_EQ(without.outcome, Outcome::kOk) << without.diagnosis;
  ScheduleProfile p, again;
  SimResult with = SimulateWithProfile(*w, *m, *policy, 3, {}, &p);
  EXPECT_EQ(with.metrics, without.metrics);  // to the last bit
  EXPECT_EQ(with.events, without.events);
  EXPECT_TRUE(std::equal(std::begin(with.counters), std::end(with.counters), without.counters));
  SimulateWithProfile(*w, *m, *policy, 3, {}, &again);
  EXPECT_EQ(p, again);

  const int64_t cpus = m->cpus;
  ProfileCpu total = p.Total();
  EXPECT_EQ(total.useful_ns + total.overhead_ns + total.idle_ns, cpus * p.time_ns);
  for (const ProfileCpu& c : p.cpus) EXPECT_GE(c.idle_ns, 0);
  const ProfileOverhead& o = p.overhead;
  EXPECT_EQ(o.total(), total.overhead_ns);
  EXPECT_GT(o.policy_ns, 0);
  EXPECT_GT(o.switch_ns, 0);
  int64_t cpu = 0, waited = 0, migrations = 0, wakeups = 0;
  for (const ProfileGroup& g : p.groups) {
    cpu += g.cpu_ns;
    waited += g.waits.total_ns;
    migrations += g.migrations;
    wakeups += g.wakeups.count;
    EXPECT_EQ(g.ends.total(), g.turns.count);
    EXPECT_LE(g.turns.total_ns, g.cpu_ns);
  }
  EXPECT_EQ(cpu, total.useful_ns);
  EXPECT_EQ(waited, p.waiting_task_ns);
  const double seconds = static_cast<double>(p.time_ns) / 1e9, capacity = seconds * static_cast<double>(cpus);
  EXPECT_EQ(static_cast<double>(wakeups), with.metrics["wakeups"]);
  EXPECT_NEAR(static_cast<double>(migrations) / seconds, with.metrics["migrations_per_s"], 1e-6);
  EXPECT_NEAR(static_cast<double>(p.idle_while_waiting_ns) / 1e7 / capacity, with.metrics["idle_while_waiting"], 1e-9);

  ASSERT_FALSE(p.episodes.empty());
  for (size_t i = 0; i < p.episodes.size(); ++i) {
    const ProfileEpisode& e = p.episodes[i];
    if (i > 0 && !e.is_event) EXPECT_LE(e.length_ns(), p.episodes[i - 1].length_ns());
    EXPECT_FALSE(e.why.empty());
    EXPECT_FALSE(e.queue.empty());
    ASSERT_FALSE(e.meanwhile.empty());
    int64_t ns = 0;
    for (const ProfileStretch& s : e.meanwhile) ns += s.ns;
    EXPECT_LE(ns, e.length_ns() * cpus);
    EXPECT_GE(ns, e.length_ns() * cpus / 100 * 98);  // all of it but for moments of idling
  }

  const std::string text = FormatProfile(p);
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 60) << text;
  for (size_t at = 0, end; at < text.size(); at = end + 1) {
    end = text.find('\n', at);
    EXPECT_LE(end - at, 100u) << text.substr(at, end - at);
  }
  auto decoded = DecodeProfile(EncodeProfile(p));
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  EXPECT_EQ(*decoded, p);
}

INSTANTIATE_TEST_SUITE_P(All, ShippedProfile,
                         testing::Values(Shipped{"hol", "cfs"}, Shipped{"hol", "shinjuku"}, Shipped{"bimodal-50-1-50-100", "shinjuku"},
                                         Shipped{"bimodal-99_5-0_5-0_5-500", "fifo"}, Shipped{"sysbench-cpu-32x5", "eevdf"}),
                         [](const auto& info) {
                           std::string name = std::string(info.param.workload) + "_" + info.param.policy;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(Profiler, AWakeUpNamesItsWaker) {
  auto w = LoadWorkload(std::string(OSE_SOURCE_DIR) + "/workloads/hol.toml");
  auto m = LoadMachine(std::string(OSE_SOURCE_DIR) + "/machines/server-5cpu.toml");
  ASSERT_TRUE(w.ok() && m.ok());
  ScheduleProfile p = ProfileOf(*w, *m, "fifo");
  ASSERT_FALSE(p.episodes.empty());
  // The last to arrive at the barrier wakes all others.
  EXPECT_TRUE(p.episodes[0].why.starts_with("woken by ")) << p.episodes[0].why;
  EXPECT_TRUE(p.episodes[0].task.starts_with("fast[")) << "the objectives are about them";
  ScheduleProfile cfs = ProfileOf(*w, *m, "cfs");
  EXPECT_GT(cfs.groups[0].ends.preempted, 0);
}

}  // namespace
}  // namespace ose
