#include "workload/critical_path.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <queue>
#include <utility>

#include "workload/program.h"

namespace ose {
namespace {

// Why the instants bound every schedule. Let x be the time at which an operation is executed. In
// any schedule, x of a run's end is at least x of its begin plus its length; x of a wait's end is
// at least the time of the tokens that it needs; and so on: each time is bounded by a monotone
// function of others. Executing everything at once gives the least solution.
//
// With several waiters on one semaphore the function must not depend on which of them the policy
// lets go first. So a task's n-th wait is only required to see n tokens in all, whoever else
// took some: the n-th token cannot come before the n-th of the earliest possible times. For a
// semaphore with one waiter, the usual case in a recording, nothing is lost. Likewise:
//   queues    the n-th take of a task needs n puts; its n-th put needs n - capacity takes,
//   barriers  its n-th pass needs n * parties arrivals (exact if `parties` tasks use it),
//   forks     the n-th task of a forked group starts at the n-th fork,
//   conditions  the n-th wait of a task needs n signals; one to all counts as one.
// A timer is due no earlier than its periods allow from the start of the task (shared: of the run).
// Locks are free here; how long each is held in total is a bound of its own (`hold`).
//
// Operations on shared counters must be executed in the order of time. A task runs ahead through
// its own operations without looking at others, and goes back into the heap before the first
// shared one that is later than somebody else's next.

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

class Replay {
 public:
  Replay(const Workload& w, const LeastCalls& calls, uint64_t seed, bool releases)
      : w_(w), calls_(calls), seed_(seed), releases_(releases), samplers_(MakeSamplers(w)) {
    counters_.resize(w.semaphores.size() + 2 * w.queues.size() + w.barriers.size() + w.conditions.size());
    out_.groups.resize(w.groups.size());
    out_.hold.resize(w.locks.size());
    forked_.resize(w.groups.size());
  }

  CriticalPath Go() {
    tasks_.reserve(static_cast<size_t>(w_.TaskCount()));
    int64_t first = kNever;
    for (size_t g = 0; g < w_.groups.size(); ++g) {
      const Group& group = w_.groups[g];
      first_task_.push_back(tasks_.size());
      if (group.repeat || group.arrivals.kind != Arrivals::Kind::kNone) continue;
      for (int i = 0; i < group.count; ++i) {
        tasks_.emplace_back(group, TaskStream(seed_, static_cast<int>(g), i), static_cast<int>(g));
        if (!group.forked) first = std::min(first, Start(tasks_.size() - 1, 0));
      }
    }
    out_.first_release = first == kNever ? 0 : first;
    while (!ready_.empty()) {
      size_t t = ready_.top().second;
      ready_.pop();
      Run(t);
    }
    std::sort(out_.runs.begin(), out_.runs.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
    return std::move(out_);
  }

 private:
  struct Task {
    Task(const Group& g, Rng r, int index) : cursor(g.program), rng(r), group(index) {}
    ProgramCursor cursor;
    const Op* stashed = nullptr;  // a shared operation that must wait for its turn or for others
    bool granted = false;         // it has waited for others and may go on
    Rng rng;
    int group;
    int64_t clock = 0, started = 0;
    std::vector<std::pair<uint32_t, int64_t>> periods;  // timer -> its periods so far
    std::vector<std::pair<uint32_t, int64_t>> needs;  // counter -> needed there so far
    std::vector<uint32_t> held;
    LeastCalls::Owed owed;
    int64_t owed_since = 0;   // the first of these calls' instant
    int64_t owed_window = 0;  // those since the first event began
    // Events.
    bool begun = false;
    int64_t event_release = 0, event_work = 0, event_own = 0, event_spare = 0;
    int64_t work = 0, own = 0, calls = 0;  // since the first event began
  };
  struct Counter {
    int64_t given = 0;
    // (needed, task): who waits until given >= needed.
    std::priority_queue<std::pair<int64_t, size_t>, std::vector<std::pair<int64_t, size_t>>, std::greater<>> waiters;
  };

  uint32_t Semaphore(uint32_t s) const { return s; }
  uint32_t Items(uint32_t q) const { return static_cast<uint32_t>(w_.semaphores.size()) + q; }
  uint32_t Room(uint32_t q) const { return Items(static_cast<uint32_t>(w_.queues.size()) + q); }
  uint32_t Barrier(uint32_t b) const { return Room(static_cast<uint32_t>(w_.queues.size()) + b); }

  uint32_t Condition(uint32_t c) const { return Barrier(static_cast<uint32_t>(w_.barriers.size())) + c; }

  int64_t Start(size_t index, int64_t now) {
    Task& t = tasks_[index];
    const Group& group = w_.groups[static_cast<size_t>(t.group)];
    int64_t delay = group.has_start ? Sample(group.start, t.rng).v : 0;
    t.clock = t.started = now + (releases_ ? delay : 0);
    ++out_.groups[static_cast<size_t>(t.group)].tasks;
    if (group.event == EventKind::kIteration) BeginEvent(t);
    ready_.push({t.clock, index});
    return t.clock;
  }

  static bool Shared(OpKind kind) {
    switch (kind) {
      case OpKind::kWait:
      case OpKind::kSignal:
      case OpKind::kBarrier:
      case OpKind::kCondWait:
      case OpKind::kCondSignal:
      case OpKind::kCondBroadcast:
      case OpKind::kFork:
      case OpKind::kPut:
      case OpKind::kTake: return true;
      default: return false;
    }
  }

  // Executes the task's operations until it must wait, for its turn or for others.
  void Run(size_t index) {
    for (;;) {
      Task& t = tasks_[index];
      const Op* op = std::exchange(t.stashed, nullptr);
      if (!op) op = t.cursor.Next();
      if (!op) return Exit(t);
      if (!Shared(op->kind)) {
        Local(t, *op);
      } else if (!ready_.empty() && ready_.top() < std::pair(t.clock, index)) {
        t.stashed = op;
        ready_.push({t.clock, index});
        return;
      } else if (!Execute(index, *op)) {
        return;
      }
    }
  }

  void Local(Task& t, const Op& op) {
    switch (op.kind) {
      case OpKind::kRun:
        if (int64_t ns = OpNanos(op, samplers_, t.rng); ns > 0) {
          PayCalls(t);
          out_.runs.push_back({t.clock, ns, t.group});
          Pass(t, ns, ns);
        }
        break;
      case OpKind::kSleep:
        if (int64_t ns = OpNanos(op, samplers_, t.rng); ns > 0) {
          Call(t, op, true);
          Pass(t, ns, 0);
        }
        break;
      case OpKind::kYield: Call(t, op, false); break;
      case OpKind::kSpin:
        // Whatever is taken from it, it uses one step and lasts its time.
        if (int64_t ns = OpNanos(op, samplers_, t.rng); ns > 0) {
          PayCalls(t);
          out_.runs.push_back({t.clock, kSpinStep.v, t.group});
          Pass(t, std::max(ns, kSpinStep.v), kSpinStep.v);
          t.event_spare += ns;
        }
        break;
      case OpKind::kPeriod:
        if (releases_) t.clock = std::max(t.clock, Due(t, op));
        break;
      case OpKind::kTimer:
        if (releases_) t.clock = std::max(t.clock, op.ns);
        break;
      case OpKind::kLock: t.held.push_back(op.object); break;
      case OpKind::kUnlock: std::erase(t.held, op.object); break;
      case OpKind::kBegin:
        if (w_.groups[static_cast<size_t>(t.group)].event == EventKind::kMarked) BeginEvent(t);
        break;
      case OpKind::kEnd:
        if (w_.groups[static_cast<size_t>(t.group)].event == EventKind::kMarked) EndEvent(t);
        break;
      default: break;
    }
  }

  // A stretch of calls begins no earlier than its first.
  void Call(Task& t, const Op& op, bool sleeps) {
    if (!calls_.any()) return;
    if (t.owed.empty()) t.owed_since = t.clock;
    t.owed.Add(calls_.Of(op), sleeps);
    if (t.begun) t.owed_window += calls_.Of(op);
  }
  void PayCalls(Task& t) {
    if (t.owed.empty()) return;
    const auto [cpu, delay] = t.owed.Pay(calls_);
    out_.most_owed = std::max(out_.most_owed, cpu);
    out_.runs.push_back({t.owed_since, cpu, t.group, true});
    t.calls += std::exchange(t.owed_window, 0);
    t.clock += delay;
  }

  int64_t Due(Task& t, const Op& op) {
    auto it = std::find_if(t.periods.begin(), t.periods.end(), [&](const auto& p) { return p.first == op.object; });
    if (it == t.periods.end()) it = t.periods.insert(it, {op.object, w_.timers[op.object].shared ? 0 : t.started});
    return it->second += op.ns;
  }

  void Pass(Task& t, int64_t own, int64_t work) {
    t.clock += own;
    for (uint32_t lock : t.held) out_.hold[lock] += static_cast<double>(own);
    t.event_own += own, t.event_work += work;
    if (t.begun) t.own += own, t.work += work;
  }

  // A shared operation at t.clock, which is now. False: the task waits, and will come back to the
  // operation with its need granted.
  bool Execute(size_t index, const Op& op) {
    Task& t = tasks_[index];
    const bool granted = std::exchange(t.granted, false);
    switch (op.kind) {
      case OpKind::kSignal: Give(Semaphore(op.object), op.count, t.clock); return true;
      case OpKind::kWait: return granted || Need(index, op, Semaphore(op.object), 1, 0);
      case OpKind::kBarrier:
        if (granted) return true;
        Give(Barrier(op.object), 1, t.clock);
        return Need(index, op, Barrier(op.object), w_.barriers[op.object].parties, 0);
      case OpKind::kCondWait: return granted || Need(index, op, Condition(op.object), 1, 0);
      case OpKind::kCondSignal:
      case OpKind::kCondBroadcast: Give(Condition(op.object), 1, t.clock); return true;
      case OpKind::kPut: {
        const int64_t capacity = w_.queues[op.object].capacity;
        if (capacity > 0 && !granted && !Need(index, op, Room(op.object), 1, capacity)) return false;
        Call(t, op, false);
        Give(Items(op.object), 1, t.clock);
        return true;
      }
      case OpKind::kTake:
        if (!granted && !Need(index, op, Items(op.object), 1, 0)) return false;
        Call(t, op, false);
        Give(Room(op.object), 1, t.clock);
        return true;
      case OpKind::kFork: {
        const Group& group = w_.groups[op.object];
        int& started = forked_[op.object];
        if (started < group.count && group.forked && !group.repeat)
          Start(first_task_[op.object] + static_cast<size_t>(started++), t.clock);
        return true;
      }
      default: return true;
    }
  }

  void Give(uint32_t id, int64_t n, int64_t now) {
    Counter& c = counters_[id];
    c.given += n;
    while (!c.waiters.empty() && c.waiters.top().first <= c.given) {
      size_t index = c.waiters.top().second;
      c.waiters.pop();
      tasks_[index].clock = now;
      ready_.push({now, index});
    }
  }

  // The task needs `n` more of a counter than it has needed so far; `credit` come for free.
  bool Need(size_t index, const Op& op, uint32_t id, int64_t n, int64_t credit) {
    Task& t = tasks_[index];
    auto it = std::find_if(t.needs.begin(), t.needs.end(), [&](const auto& need) { return need.first == id; });
    if (it == t.needs.end()) it = t.needs.insert(it, {id, 0});
    it->second += n;
    Counter& c = counters_[id];
    if (c.given >= it->second - credit) return true;
    t.granted = true;
    t.stashed = &op;
    c.waiters.push({it->second - credit, index});
    return false;
  }

  static void BeginEvent(Task& t) {
    t.begun = true;
    t.event_release = t.clock;
    t.event_work = t.event_own = t.event_spare = 0;
  }

  void EndEvent(Task& t) {
    CriticalPath::PerGroup& g = out_.groups[static_cast<size_t>(t.group)];
    out_.events.push_back({t.group, t.event_release, t.event_work, t.event_own, t.event_spare});
    ++g.events;
    g.window_work += static_cast<double>(std::exchange(t.work, 0));
    g.window_calls += static_cast<double>(std::exchange(t.calls, 0));
    g.window_chain = std::max(g.window_chain, t.own);
  }

  void Exit(Task& t) {
    CriticalPath::PerGroup& g = out_.groups[static_cast<size_t>(t.group)];
    if (w_.groups[static_cast<size_t>(t.group)].event == EventKind::kIteration) EndEvent(t);
    g.finish = std::max(g.finish, t.clock);
    out_.finish = std::max(out_.finish, t.clock);
  }

  const Workload& w_;
  const LeastCalls calls_;
  const uint64_t seed_;
  const bool releases_;
  const std::vector<Sampler> samplers_;
  std::vector<Task> tasks_;  // reserved at once: references stay valid
  std::vector<size_t> first_task_;
  std::vector<int> forked_;
  std::vector<Counter> counters_;
  std::priority_queue<std::pair<int64_t, size_t>, std::vector<std::pair<int64_t, size_t>>, std::greater<>> ready_;
  CriticalPath out_;
};

}  // namespace

CriticalPath FindCriticalPath(const Workload& workload, const LeastCalls& calls, uint64_t seed, bool releases) {
  return Replay(workload, calls, seed, releases).Go();
}

}  // namespace ose
