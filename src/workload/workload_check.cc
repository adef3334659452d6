#include "workload/workload_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <set>

#include "base/edit_distance.h"
#include "core/exit_code.h"
#include "core/metrics.h"
#include "workload/program.h"

namespace ose {

namespace {

// Of arrivals within the horizon.
constexpr double kMaxStateChanges = 1e7;

// One pass over a workload; each check returns the error of the first thing wrong.
class Checker {
 public:
  Checker(const Workload& w, const WorkloadPlaces& places) : w_(w), places_(places) {}

  Status Run() {
    OSE_TRY(CheckTop());
    OSE_TRY(CheckGroups());
    for (size_t g = 0; g < w_.groups.size(); ++g) OSE_TRY(CheckProgram(g));
    OSE_TRY(CheckPartners());
    OSE_TRY(CheckForks());
    for (size_t g = 0; g < w_.groups.size(); ++g) OSE_TRY(CheckTiming(g));
    for (size_t g = 0; g < w_.groups.size(); ++g) OSE_TRY(CheckHorizon(g));
    OSE_TRY(CheckBarriers());
    return CheckObjectives();
  }

 private:
  Error Fail(int line, const std::string& what) const {
    std::string place = line > 0 ? fmt::format("{}:{}", places_.File(), line) : places_.File();
    return {kExitBadWorkload, place + ": " + what};
  }
  Error FailGroup(size_t g, const char* key, const std::string& what) const {
    return Fail(places_.Group(g, key), fmt::format("group '{}' {}", w_.groups[g].name, what));
  }
  Error FailOp(size_t g, size_t op, const std::string& what) const {
    return Fail(places_.Operation(g, op), fmt::format("group '{}' {}", w_.groups[g].name, what));
  }

  Status CheckTop();
  Status CheckGroups();
  Status CheckProgram(size_t g);
  Status CheckPartners();
  Status CheckForks();
  Status CheckTiming(size_t g);
  Status CheckHorizon(size_t g);
  Status CheckBarriers();
  Status CheckObjectives();
  std::optional<size_t> FirstUse(size_t g, OpKind kind, int64_t object = -1) const;
  bool MayLast(const Op& op) const;

  const Workload& w_;
  const WorkloadPlaces& places_;
};

Status Checker::CheckTop() {
  if (w_.name.empty()) return Fail(places_.Top("name"), "'name' is empty; give the workload a name");
  if (w_.machine.empty())
    return Fail(places_.Top("machine"), "'machine' is empty; name a profile, like \"vm-2cpu\"");
  if (w_.horizon.v <= 0)
    return Fail(places_.Top("horizon"), "the horizon is 0; give a time, like horizon_s = 10");
  if (w_.warmup >= w_.horizon)
    return Fail(places_.Top("warmup"),
                fmt::format("the warm-up ({} ns) must be shorter than the horizon ({} ns)", w_.warmup.v,
                            w_.horizon.v));
  if (w_.run_to_completion && w_.warmup.v > 0)
    return Fail(places_.Top("warmup"),
                "a warm-up needs a measured window; remove it or write end = \"horizon\"");
  if (w_.groups.empty()) return Fail(1, "there are no tasks; add at least one [[group]]");
  return {};
}

Status Checker::CheckGroups() {
  std::set<std::string> names;
  int64_t tasks = 0;
  for (size_t g = 0; g < w_.groups.size(); ++g) {
    const Group& group = w_.groups[g];
    bool control = std::any_of(group.name.begin(), group.name.end(), [](char c) {
      return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '.';
    });
    if (group.name.empty() || control)
      return FailGroup(g, "name",
                       "has a bad name; use any printable characters but '.', which separates "
                       "group and metric");
    if (!names.insert(group.name).second)
      return FailGroup(g, "name", "is there twice; give each [[group]] a name of its own");
    if (group.count < 1) return FailGroup(g, "count", "has no tasks; give count >= 1");
    tasks += group.count;
    if (tasks > kMaxTasks)
      return FailGroup(g, "count", fmt::format("makes it {} tasks; the limit is {}", tasks, kMaxTasks));
    for (size_t i = 0; i < group.affinity.size(); ++i) {
      int cpu = group.affinity[i];
      if (w_.cpus > 0 && cpu >= w_.cpus)
        return FailGroup(g, "affinity",
                         fmt::format("may run on CPU {}, but the workload has CPUs 0 to {}; "
                                     "correct 'affinity' or 'cpus'",
                                     cpu, w_.cpus - 1));
      if (i > 0 && group.affinity[i - 1] == cpu)
        return FailGroup(g, "affinity", fmt::format("names CPU {} twice; remove one", cpu));
    }
  }
  return {};
}

// A program is straight-line code with counted loops, so holding locks and being inside an event
// can be followed exactly, given that a loop's body leaves both as it found them.
Status Checker::CheckProgram(size_t g) {
  const Group& group = w_.groups[g];
  if (group.program.empty())
    return FailGroup(g, "program", "has no program; add program = [ { run_us = 100 } ] or the like");

  struct Loop {
    size_t op;
    std::vector<uint32_t> held;
    bool in_event;
  };
  std::vector<Loop> loops;
  std::vector<uint32_t> held;  // locks, sorted
  std::vector<size_t> lock_op(w_.locks.size());
  std::optional<size_t> begin;
  for (size_t i = 0; i < group.program.size(); ++i) {
    const Op& op = group.program[i];
    auto at = std::lower_bound(held.begin(), held.end(), op.object);
    bool holds = at != held.end() && *at == op.object;
    switch (op.kind) {
      case OpKind::kLock:
        if (holds)
          return FailOp(
              g, i,
              fmt::format("locks '{0}' while it holds it, which would never end; unlock '{0}' first",
                          w_.locks[op.object]));
        held.insert(at, op.object);
        lock_op[op.object] = i;
        break;
      case OpKind::kUnlock:
        if (!holds)
          return FailOp(
              g, i, fmt::format("unlocks '{0}' without holding it; lock '{0}' first", w_.locks[op.object]));
        held.erase(at);
        break;
      case OpKind::kCondWait:
        if (op.count > 0 && !std::binary_search(held.begin(), held.end(), op.count - 1))
          return FailOp(g, i,
                        fmt::format("waits for condition '{0}' without holding '{1}'; lock '{1}' first",
                                    w_.conditions[op.object], w_.locks[op.count - 1]));
        break;
      case OpKind::kBegin:
        if (begin) return FailOp(g, i, "begins an event inside an event; add { end = true } before");
        begin = i;
        break;
      case OpKind::kEnd:
        if (!begin) return FailOp(g, i, "ends an event that did not begin; add { begin = true } before");
        begin.reset();
        break;
      case OpKind::kLoop:
        loops.push_back({i, held, begin.has_value()});
        break;
      case OpKind::kEndLoop: {
        if (loops.empty())
          return FailOp(g, i, "ends a loop that did not begin; remove the end or add a loop");
        const Loop& loop = loops.back();
        if (i == loop.op + 1) return FailOp(g, loop.op, "has an empty loop; give it a program or remove it");
        if (held != loop.held)
          return FailOp(g, loop.op,
                        "has a loop that does not leave its locks as it found them; lock and unlock in "
                        "the same loop");
        if (begin.has_value() != loop.in_event)
          return FailOp(g, loop.op, "has a loop with half an event; put begin and end into the same loop");
        loops.pop_back();
        break;
      }
      default:
        break;
    }
  }
  if (!loops.empty()) return FailOp(g, loops.back().op, "begins a loop that does not end; close it");
  if (begin) return FailOp(g, *begin, "begins an event that does not end; add { end = true }");
  if (!held.empty())
    return FailOp(
        g, lock_op[held[0]],
        fmt::format("locks '{0}' and never unlocks it; add {{ unlock = \"{0}\" }}", w_.locks[held[0]]));
  if (group.event == EventKind::kMarked && !FirstUse(g, OpKind::kBegin))
    return FailGroup(g, "event",
                     "counts marked events, but its program has no begin and end; add them or write "
                     "event = \"iteration\"");
  return {};
}

std::optional<size_t> Checker::FirstUse(size_t g, OpKind kind, int64_t object) const {
  const std::vector<Op>& program = w_.groups[g].program;
  for (size_t i = 0; i < program.size(); ++i)
    if (program[i].kind == kind && (object < 0 || program[i].object == object)) return i;
  return std::nullopt;
}

// Who waits needs somebody who signals, in its own or another program.
Status Checker::CheckPartners() {
  std::vector<bool> signalled(w_.semaphores.size()), filled(w_.queues.size()), drained(w_.queues.size()),
      notified(w_.conditions.size());
  for (const Group& group : w_.groups)
    for (const Op& op : group.program) {
      if (op.kind == OpKind::kSignal) signalled[op.object] = true;
      if (op.kind == OpKind::kPut) filled[op.object] = true;
      if (op.kind == OpKind::kTake) drained[op.object] = true;
      if (op.kind == OpKind::kCondSignal || op.kind == OpKind::kCondBroadcast) notified[op.object] = true;
    }
  for (size_t g = 0; g < w_.groups.size(); ++g) {
    const std::vector<Op>& program = w_.groups[g].program;
    for (size_t i = 0; i < program.size(); ++i) {
      const Op& op = program[i];
      if (op.kind == OpKind::kWait && !signalled[op.object])
        return FailOp(
            g, i,
            fmt::format("waits for '{0}', which nobody signals; add {{ signal = \"{0}\" }} to a program",
                        w_.semaphores[op.object]));
      if (op.kind == OpKind::kCondWait && !notified[op.object])
        return FailOp(g, i,
                      fmt::format("waits for condition '{0}', which nobody signals; add {{ cond_signal = \"{0}\" }} to a program",
                                  w_.conditions[op.object]));
      if (op.kind == OpKind::kTake && !filled[op.object])
        return FailOp(
            g, i,
            fmt::format("takes from '{0}', into which nobody puts; add {{ put = \"{0}\" }} to a program",
                        w_.queues[op.object].name));
      if (op.kind == OpKind::kPut && !drained[op.object] && w_.queues[op.object].capacity > 0)
        return FailOp(g, i,
                      fmt::format("puts into '{0}', which is bounded and from which nobody takes; add "
                                  "{{ take = \"{0}\" }} to a program",
                                  w_.queues[op.object].name));
    }
  }
  return {};
}

Status Checker::CheckForks() {
  // Groups that run: those that start at once, and what a running group forks.
  std::vector<size_t> running;
  std::vector<bool> runs(w_.groups.size());
  auto start = [&](size_t g) {
    if (!runs[g]) running.push_back(g);
    runs[g] = true;
  };
  for (size_t g = 0; g < w_.groups.size(); ++g)
    if (!w_.groups[g].forked) start(g);
  for (size_t next = 0; next < running.size(); ++next) {
    size_t g = running[next];
    for (size_t i = 0; i < w_.groups[g].program.size(); ++i) {
      const Op& op = w_.groups[g].program[i];
      if (op.kind != OpKind::kFork) continue;
      if (!w_.groups[op.object].forked)
        return FailOp(g, i,
                      fmt::format("forks '{}', which starts by itself; write forked = true in that group",
                                  w_.groups[op.object].name));
      start(op.object);
    }
  }
  for (size_t g = 0; g < w_.groups.size(); ++g)
    if (!runs[g])
      return FailGroup(g, "forked",
                       fmt::format("is forked, but no running group forks it; add {{ fork = \"{}\" }} "
                                   "to a program or remove 'forked'",
                                   w_.groups[g].name));
  return {};
}

bool CanBePositive(const Dist& d) {
  return d.a > 0 || d.b > 0 || std::any_of(d.value.begin(), d.value.end(), [](double v) { return v > 0; });
}

// Whether an operation can take time, each time that it is reached.
bool Checker::MayLast(const Op& op) const {
  switch (op.kind) {
    case OpKind::kRun:
    case OpKind::kSpin:
    case OpKind::kSleep:
      return op.drawn ? CanBePositive(w_.dists[op.object]) : op.ns > 0;
    case OpKind::kPeriod:
      return op.ns > 0;
    case OpKind::kWait:
    case OpKind::kTake:
    case OpKind::kBarrier:
    case OpKind::kCondWait:
      return true;
    case OpKind::kPut:
      return w_.queues[op.object].capacity > 0;
    default:
      return false;  // a timer passes once, a lock may always be free
  }
}

Status Checker::CheckTiming(size_t g) {
  const Group& group = w_.groups[g];
  bool open_loop = group.arrivals.kind != Arrivals::Kind::kNone;
  if (group.repeat &&
      std::none_of(group.program.begin(), group.program.end(), [&](const Op& op) { return MayLast(op); }))
    return FailGroup(g, "repeat",
                     "repeats a program that can never sleep or end; add a run or a sleep to it, or "
                     "remove 'repeat'");
  if (open_loop) {
    // Each change is a draw, whether anything arrives or not.
    for (const Arrivals::State& s : group.arrivals.states)
      if (static_cast<double>(w_.horizon.v) / static_cast<double>(s.ns) > kMaxStateChanges)
        return FailGroup(g, "arrivals", fmt::format("has a state of {} ns, which a horizon of {:.6g} s is too long for; let it last {:.6g} us or more",
                                                    s.ns, w_.horizon.s(), w_.horizon.us() / kMaxStateChanges));
    if (group.repeat)
      return FailGroup(g, "repeat",
                       "has arrivals, each of which is one pass of the program; remove 'repeat'");
    if (group.forked)
      return FailGroup(g, "forked", "has arrivals, so its threads start at once; remove 'forked'");
    if (group.has_start)
      return FailGroup(g, "start", "has arrivals, so its threads start at once; remove 'start'");
    const bool by_load = group.arrivals.load > 0 || std::any_of(group.arrivals.states.begin(), group.arrivals.states.end(),
                                                                [](const Arrivals::State& s) { return s.load > 0; });
    if (by_load &&
        std::none_of(group.program.begin(), group.program.end(),
                     [&](const Op& op) { return (op.kind == OpKind::kRun || op.kind == OpKind::kSpin) && MayLast(op); }))
      return FailGroup(g, "arrivals",
                       "has arrivals by load, but its program uses no CPU; add a run or give a rate "
                       "(poisson_per_s)");
  }
  if (w_.run_to_completion && (group.repeat || open_loop))
    return FailGroup(g, group.repeat ? "repeat" : "arrivals",
                     "never completes; write end = \"horizon\" or remove what repeats");
  return {};
}

// What cannot be over by the horizon whatever the policy does, with a CPU for each task.
Status Checker::CheckHorizon(size_t g) {
  const Group& group = w_.groups[g];
  const double horizon = static_cast<double>(w_.horizon.v);
  const double start = group.has_start ? LeastNs(group.start) : 0;
  if (start >= horizon)
    return FailGroup(g, "start", fmt::format("starts at {:.6g} ms at the earliest, but the run ends at {:.6g} ms; lower 'start' or raise 'horizon'",
                                             start / 1e6, horizon / 1e6));
  if (!w_.run_to_completion) return {};
  double needs = start, times = 1;
  std::vector<double> outer;
  for (size_t i = 0; i < group.program.size(); ++i) {
    const Op& op = group.program[i];
    switch (op.kind) {
      case OpKind::kRun:
      case OpKind::kSpin:
      case OpKind::kSleep: needs += times * (op.drawn ? LeastNs(w_.dists[op.object]) : static_cast<double>(op.ns)); break;
      case OpKind::kTimer: needs = std::max(needs, static_cast<double>(op.ns)); break;
      case OpKind::kLoop:
        outer.push_back(times);
        times *= op.count;
        break;
      case OpKind::kEndLoop:
        times = outer.back();
        outer.pop_back();
        break;
      default: break;
    }
    if (needs > horizon)
      return FailOp(g, i, fmt::format("cannot end within the horizon of {:.6g} ms: up to here it takes at least {:.6g} ms; raise 'horizon' or shorten the program",
                                      horizon / 1e6, needs / 1e6));
  }
  return {};
}

Status Checker::CheckBarriers() {
  std::vector<int64_t> tasks = BarrierTasks(w_);
  for (size_t b = 0; b < w_.barriers.size(); ++b) {
    const Barrier& barrier = w_.barriers[b];
    if (tasks[b] == 0)
      return Fail(places_.Barrier(b),
                  fmt::format("no program uses barrier '{0}'; remove it or add {{ barrier = "
                              "\"{0}\" }}",
                              barrier.name));
    if (barrier.parties > tasks[b])
      return Fail(places_.Barrier(b),
                  fmt::format("barrier '{}' waits for {} parties, but only {} tasks come to it; "
                              "lower 'parties'",
                              barrier.name, barrier.parties, tasks[b]));
  }
  return {};
}

// Whether one of the names is `name` or its stem: "latency" of latency_p99.
bool OneOf(std::string_view name, std::initializer_list<std::string_view> list) {
  return std::any_of(list.begin(), list.end(), [&](std::string_view s) {
    return name.starts_with(s) && (name.size() == s.size() || name[s.size()] == '_');
  });
}

Status Checker::CheckObjectives() {
  bool events = std::any_of(w_.groups.begin(), w_.groups.end(),
                            [](const Group& g) { return g.measured && g.event != EventKind::kNone; });
  int64_t repeating = 0;
  for (const Group& g : w_.groups) repeating += g.repeat ? g.count : 0;
  if (w_.objectives.empty())
    return Fail(1, "there is no [[objective]]; add one, like metric = \"throughput\"");
  std::set<std::string> seen;
  for (size_t i = 0; i < w_.objectives.size(); ++i) {
    const Objective& objective = w_.objectives[i];
    auto fail = [&](const std::string& what) {
      return Fail(places_.Objective(i), fmt::format("objective '{}' {}", objective.metric, what));
    };
    std::string_view metric = objective.metric;
    const Group* group = nullptr;
    if (size_t dot = metric.find('.'); dot != std::string_view::npos) {
      std::string_view prefix = metric.substr(0, dot);
      metric.remove_prefix(dot + 1);
      std::vector<std::string> names;
      for (const Group& g : w_.groups) {
        names.push_back(g.name);
        if (g.name == prefix) group = &g;
      }
      if (!group) {
        std::string advice = DidYouMean(prefix, names);
        return fail(
            fmt::format("is of no group of this workload{}",
                        advice.empty() ? fmt::format("; its groups: {}", fmt::join(names, ", ")) : advice));
      }
    }
    const MetricInfo* info = metric.find('.') == std::string_view::npos ? FindMetric(metric) : nullptr;
    if (!info) {
      std::vector<std::string> names;
      for (const MetricInfo& m : MetricCatalogue()) names.emplace_back(m.name);
      std::string advice = DidYouMean(metric, names);
      return fail("is not a metric" + (advice.empty() ? "; docs/metrics.md lists them" : advice));
    }
    // What has no bound above 0 has no score (workload/bound.h).
    if (OneOf(metric, {"overhead", "idle_while_waiting", "wait_max", "switches_per_s", "migrations_per_s", "runs",
                       "sleeps", "wakeups", "incomplete", "sim_events"}))
      return fail(
          "cannot be an objective, since nothing bounds it but 0; use a throughput or a latency, which it "
          "shows in");
    const bool of_events = OneOf(metric, {"throughput", "events", "latency", "slowdown", "start"});
    if (group && !of_events && !metric.starts_with("wakeup_"))
      return fail(fmt::format("does not exist for a group; write '{}'", metric));
    if (group && w_.groups.size() == 1) return fail(fmt::format("names the only group; write '{}'", metric));
    if (of_events && group && group->event == EventKind::kNone)
      return fail(fmt::format("needs events, but group '{}' has none; change its 'event'", group->name));
    if (of_events && !group && !events)
      return fail("needs events, but no measured group has any; change 'event' or 'measured' of a group");
    if (metric == "span" && !w_.run_to_completion)
      return fail("needs an end; write end = \"completion\" or use 'throughput'");
    if (metric == "fairness" && repeating < 2) return fail("needs at least two tasks with repeat = true");
    if (!(objective.weight > 0) || !std::isfinite(objective.weight)) return fail("needs a weight above 0");
    if (!seen.insert(objective.metric).second)
      return fail("is there twice; give each metric once, with a weight");
  }
  return {};
}

}  // namespace

std::vector<int64_t> BarrierTasks(const Workload& workload) {
  std::vector<int64_t> tasks(workload.barriers.size());
  for (const Group& group : workload.groups) {
    std::set<uint32_t> used;
    for (const Op& op : group.program)
      if (op.kind == OpKind::kBarrier && used.insert(op.object).second) tasks[op.object] += group.count;
  }
  return tasks;
}

Status CheckWorkload(const Workload& workload, const WorkloadPlaces& places) {
  return Checker(workload, places).Run();
}

Status CheckWorkload(const Workload& workload) { return CheckWorkload(workload, WorkloadPlaces()); }

}  // namespace ose
