#include "workload/critical_path.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
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
// The same system read backwards gives tails. Of the `given` tokens that a counter gets in all, a task gives `own`, one
// after another; whoever needs n of them cannot go on before the task's i-th if n >= i + given - own: all that others
// give is not enough. So make's last wait for 60 compilers comes after each of them, and a link after that is a tail
// of all. The order of execution here is one in which these edges lead forward, so one pass from its end finds
// the longest path from each stretch of work. A tail need not see every dependency to hold.
//
// Operations on shared counters must be executed in the order of time. A task runs ahead through
// its own operations without looking at others, and goes back into the heap before the first
// shared one that is later than somebody else's next.

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
constexpr size_t kMaxSteps = 4'000'000;  // 100 MB

// The longest tail of those who need at least so many tokens of one counter.
class TailsByNeed {
 public:
  void Add(int64_t need, int64_t tail) {
    auto it = tails_.lower_bound(need);
    if (it != tails_.end() && it->second >= tail) return;
    it = tails_.insert_or_assign(it, need, tail);
    while (it != tails_.begin() && std::prev(it)->second <= tail) tails_.erase(std::prev(it));
  }
  int64_t Longest(int64_t least_need) const {
    auto it = tails_.lower_bound(least_need);
    return it == tails_.end() ? 0 : it->second;
  }

 private:
  std::map<int64_t, int64_t> tails_;  // with the need falls the tail: the longest of this need and more
};

class Replay {
 public:
  Replay(const Workload& w, const LeastCalls& calls, uint64_t seed, bool releases)
      : w_(w), calls_(calls), seed_(seed), releases_(releases), samplers_(MakeSamplers(w)) {
    counters_.resize(Forks(static_cast<uint32_t>(w.groups.size())));
    out_.groups.resize(w.groups.size());
    out_.hold.resize(w.locks.size());
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
    FindTails();
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
    std::vector<std::pair<uint32_t, int64_t>> gives;  // counter -> given there so far
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

  // What was executed, in this order: the rest of a task is behind it.
  enum class StepKind : uint8_t { kPass, kRun, kGive, kNeed };
  struct Step {
    int64_t value;     // kPass: ns; kRun: of out_.runs; kGive: the first of these, counted by its giver; kNeed: of how many
    uint32_t task, counter;
    StepKind kind;
  };

  uint32_t Semaphore(uint32_t s) const { return s; }
  uint32_t Items(uint32_t q) const { return static_cast<uint32_t>(w_.semaphores.size()) + q; }
  uint32_t Room(uint32_t q) const { return Items(static_cast<uint32_t>(w_.queues.size()) + q); }
  uint32_t Barrier(uint32_t b) const { return Room(static_cast<uint32_t>(w_.queues.size()) + b); }

  uint32_t Condition(uint32_t c) const { return Barrier(static_cast<uint32_t>(w_.barriers.size())) + c; }
  uint32_t Forks(uint32_t g) const { return Condition(static_cast<uint32_t>(w_.conditions.size())) + g; }

  static int64_t& Of(std::vector<std::pair<uint32_t, int64_t>>& counts, uint32_t id) {
    auto it = std::find_if(counts.begin(), counts.end(), [&](const auto& c) { return c.first == id; });
    return (it == counts.end() ? counts.insert(it, {id, 0}) : it)->second;
  }

  // For tails, which nobody asks of a run without releases.
  void Log(const Task& t, StepKind kind, int64_t value, uint32_t counter = 0) {
    if (releases_ && steps_.size() < kMaxSteps) steps_.push_back({value, static_cast<uint32_t>(&t - tasks_.data()), counter, kind});
  }

  void FindTails() {
    if (steps_.size() >= kMaxSteps) return;
    std::vector<int64_t> tails(tasks_.size());
    std::vector<TailsByNeed> needed(counters_.size());
    for (size_t i = steps_.size(); i-- > 0;) {
      const Step& s = steps_[i];
      int64_t& tail = tails[s.task];
      switch (s.kind) {
        case StepKind::kPass: tail += s.value; break;
        case StepKind::kRun: out_.runs[static_cast<size_t>(s.value)].tail = tail; break;
        case StepKind::kGive:
          tail = std::max(tail, needed[s.counter].Longest(s.value + counters_[s.counter].given - Of(tasks_[s.task].gives, s.counter)));
          break;
        case StepKind::kNeed: needed[s.counter].Add(s.value, tail); break;
      }
    }
  }

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
          const int64_t at = t.clock;
          Pass(t, ns, ns);
          AddRun(t, at, ns);
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
          const int64_t at = t.clock;
          Pass(t, std::max(ns, kSpinStep.v), kSpinStep.v);
          AddRun(t, at, kSpinStep.v);
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

  // After it has passed: its tail is what comes then. (Of calls, what comes after them.)
  void AddRun(Task& t, int64_t at, int64_t work, bool calls = false) {
    Log(t, StepKind::kRun, static_cast<int64_t>(out_.runs.size()));
    out_.runs.push_back({at, work, 0, t.group, calls});
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
    AddRun(t, t.owed_since, cpu, true);
    t.calls += std::exchange(t.owed_window, 0);
    t.clock += delay;
  }

  int64_t Due(Task& t, const Op& op) {
    return (w_.timers[op.object].shared ? 0 : t.started) + (Of(t.periods, op.object) += op.ns);
  }

  void Pass(Task& t, int64_t own, int64_t work) {
    Log(t, StepKind::kPass, own);
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
      case OpKind::kSignal: Give(t, Semaphore(op.object), op.count); return true;
      case OpKind::kWait: return granted || Need(index, op, Semaphore(op.object), 1, 0);
      case OpKind::kBarrier:
        if (granted) return true;
        Give(t, Barrier(op.object), 1);
        return Need(index, op, Barrier(op.object), w_.barriers[op.object].parties, 0);
      case OpKind::kCondWait: return granted || Need(index, op, Condition(op.object), 1, 0);
      case OpKind::kCondSignal:
      case OpKind::kCondBroadcast: Give(t, Condition(op.object), 1); return true;
      case OpKind::kPut: {
        const int64_t capacity = w_.queues[op.object].capacity;
        if (capacity > 0 && !granted && !Need(index, op, Room(op.object), 1, capacity)) return false;
        Call(t, op, false);
        Give(t, Items(op.object), 1);
        return true;
      }
      case OpKind::kTake:
        if (!granted && !Need(index, op, Items(op.object), 1, 0)) return false;
        Call(t, op, false);
        Give(t, Room(op.object), 1);
        return true;
      case OpKind::kFork: {
        const Group& group = w_.groups[op.object];
        Give(t, Forks(op.object), 1);
        const int64_t nth = counters_[Forks(op.object)].given;
        if (nth <= group.count && group.forked && !group.repeat) {
          const size_t child = first_task_[op.object] + static_cast<size_t>(nth - 1);
          Log(tasks_[child], StepKind::kNeed, nth, Forks(op.object));
          Start(child, t.clock);
        }
        return true;
      }
      default: return true;
    }
  }

  void Give(Task& t, uint32_t id, int64_t n) {
    int64_t& own = Of(t.gives, id);
    Log(t, StepKind::kGive, own + 1, id);
    own += n;
    const int64_t now = t.clock;
    Counter& c = counters_[id];
    c.given += n;
    while (!c.waiters.empty() && c.waiters.top().first <= c.given) {
      const auto [need, index] = c.waiters.top();
      c.waiters.pop();
      Log(tasks_[index], StepKind::kNeed, need, id);
      tasks_[index].clock = now;
      ready_.push({now, index});
    }
  }

  // The task needs `n` more of a counter than it has needed so far; `credit` come for free.
  bool Need(size_t index, const Op& op, uint32_t id, int64_t n, int64_t credit) {
    Task& t = tasks_[index];
    const int64_t need = (Of(t.needs, id) += n) - credit;
    Counter& c = counters_[id];
    if (c.given >= need) {
      Log(t, StepKind::kNeed, need, id);
      return true;
    }
    t.granted = true;
    t.stashed = &op;
    c.waiters.push({need, index});
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
  std::vector<Counter> counters_;
  std::vector<Step> steps_;
  std::priority_queue<std::pair<int64_t, size_t>, std::vector<std::pair<int64_t, size_t>>, std::greater<>> ready_;
  CriticalPath out_;
};

}  // namespace

CriticalPath FindCriticalPath(const Workload& workload, const LeastCalls& calls, uint64_t seed, bool releases) {
  return Replay(workload, calls, seed, releases).Go();
}

}  // namespace ose
