// `hint = "work"`: what a policy is told of the pass that a task serves next.
#include <gtest/gtest.h>

#include "sim/kernel.h"
#include "sim/schedule_observer.h"
#include "sim/simulate.h"
#include "sim/testing.h"
#include "workload/program.h"

namespace ose {
namespace {

// Notes hint and work of every event, and what the hint was when the task was woken for it.
struct HintObserver : ScheduleObserver {
  struct Seen {
    int64_t at_begin, woken, work;
  };
  std::vector<Seen> events;
  std::vector<uint32_t> woken;  // by task

  void OnBegin(const Workload&, const Machine&, const std::vector<Task>& tasks) override { woken.resize(tasks.size()); }
  void OnWakeup(const Task& t, Nanos, int, bool) override { woken[static_cast<size_t>(t.index)] = t.hint; }
  void OnEventEnd(const Task& t, Nanos, Nanos, Nanos work) override {
    events.push_back({t.hint, woken[static_cast<size_t>(t.index)], work.v});
  }
};

Workload Requests(bool work_hint) {
  Workload w;
  w.name = "requests";
  w.horizon = Nanos::Millis(20);
  w.dists = {{.kind = Dist::Kind::kExponential, .a = 10'000}, {.kind = Dist::Kind::kExponential, .a = 3'000}};
  Group g;
  g.name = "request";
  g.count = 500;
  g.hint_is_work = work_hint;
  g.arrivals = {.kind = Arrivals::Kind::kPoisson, .load = 0.7};
  // Two runs in a loop with a drawn sleep between: looking ahead must draw in the same order.
  g.program = {{.kind = OpKind::kLoop, .count = 2},
               {.kind = OpKind::kRun, .drawn = true, .object = 0},
               {.kind = OpKind::kSleep, .drawn = true, .object = 1},
               {.kind = OpKind::kEndLoop},
               RunOp(Nanos::Micros(1))};
  w.groups.push_back(g);
  return w;
}

SimResult Serve(const Workload& w, ScheduleObserver* observer = nullptr) {
  auto policy = NativePolicy::Open(ShippedPolicy("fifo"));
  EXPECT_TRUE(policy.ok());
  Machine m;
  m.cpus = 2;
  SimOptions options;
  options.observer = observer;
  SimResult r = Simulate(w, m, *policy, 7, options);
  EXPECT_EQ(r.outcome, Outcome::kOk) << r.diagnosis;
  return r;
}

TEST(WorkHint, IsTheWorkOfTheRequestWhenTheThreadIsWokenForIt) {
  HintObserver seen;
  Serve(Requests(true), &seen);
  ASSERT_GT(seen.events.size(), 500u);
  for (const HintObserver::Seen& e : seen.events) {
    EXPECT_EQ(e.at_begin, e.work);
    EXPECT_EQ(e.woken, e.work);  // enough threads: each request wakes one
  }
}

TEST(WorkHint, ChangesNothingElse) { EXPECT_EQ(Serve(Requests(true)).metrics, Serve(Requests(false)).metrics); }

TEST(WorkHint, OfAClosedLoopIsThatOfTheNextPass) {
  Workload w = Requests(true);
  w.groups[0].arrivals = {};
  w.groups[0].repeat = true;
  w.groups[0].count = 4;
  HintObserver seen;
  SimResult with = Serve(w, &seen);
  ASSERT_GT(seen.events.size(), 500u);
  for (const HintObserver::Seen& e : seen.events) EXPECT_EQ(e.at_begin, e.work);
  w.groups[0].hint_is_work = false;
  EXPECT_EQ(with.metrics, Serve(w).metrics);
}

TEST(WorkHint, IsSaturated) {
  std::vector<Op> program = {RunOp(Nanos::Seconds(4)), RunOp(Nanos::Millis(294)), RunOp(Nanos{967'295})};
  EXPECT_EQ(WorkHint(program, {}, Rng(1)), UINT32_MAX);
  program[2].ns = 967'294;
  EXPECT_EQ(WorkHint(program, {}, Rng(1)), UINT32_MAX - 1);
  program[2].ns = 967'296;
  EXPECT_EQ(WorkHint(program, {}, Rng(1)), UINT32_MAX);
}

}  // namespace
}  // namespace ose
