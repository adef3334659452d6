#include "workload/event_supply.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "workload/program.h"

namespace ose {

// The essay. A task's program, repeated, is a fixed sequence of events, since what it draws does
// not depend on the schedule; a policy only chooses how far each task is at the window's start (s
// events done, any s) and at its end. Let W(j) be the task's CPU work up to the end of event j.
// Of the k events that end in the window the first may have been all but finished before it,
// so the task uses at least W(s + k) - W(s + 1) in the window. Searching the cheapest s for each
// k is quadratic. Instead, take any price mu per event (its mean is the good choice) and look at
// the deviation D(j) = W(j) - mu j. Then
//     W(s + k) - W(s + 1) = mu (k - 1) + D(s + k) - D(s + 1) >= mu (k - 1) - DD,
// with DD the maximum drawdown of D, found in one pass. Summed over tasks:
//     events <= tasks + (capacity + sum of DD) / mu.
// DD is 0 for constant durations and grows like the square root of the number of events: what a
// clairvoyant policy can gain by spending the window on the cheap stretch of each task. Without
// a warm-up the window begins with s = 0 and nothing in progress: events <= (capacity +
// sum of max(0, -min D)) / mu.
// Each resource (the CPUs; a lock, W then being the time for which it is held) gives such a
// bound; besides, a task with a CPU of its own ends event j no earlier than C(j), work plus
// sleeps, so no more events than fit in the window (`cap`).

namespace {

// Above this many operations the draws are not realised one by one.
constexpr double kMaxSteps = 5e6;
// Then what they deviate from their mean is allowed for with this share.
constexpr double kDrawAllowance = 0.02;

struct Window {
  int64_t length, horizon;
  bool warmup;
};

Window WindowOf(const Workload& w) { return {w.horizon.v - w.warmup.v, w.horizon.v, w.warmup.v > 0}; }

// Walks a task's program, over and over if it repeats, up to the horizon: calls `ended` at each
// end of an event with the task's own clock, having added its demands to `use`.
template <class Ended>
void WalkTask(const Workload& w, const LeastCalls& calls, const Group& group, const std::vector<Sampler>& samplers, Rng rng,
              std::span<const int> resources, std::vector<double>& use, Ended ended) {
  const int64_t started = group.has_start ? Sample(group.start, rng).v : 0;
  int64_t clock = started;
  std::vector<uint32_t> held;
  std::vector<int64_t> due(w.timers.size());  // no earlier than that; without `started`
  LeastCalls::Owed owed;
  do {
    const int64_t before = clock;
    ProgramCursor cursor(group.program);
    while (const Op* op = cursor.Next()) {
      switch (op->kind) {
        case OpKind::kRun:
        case OpKind::kSpin:
        case OpKind::kSleep: {
          const int64_t ns = OpNanos(*op, samplers, rng);
          clock += ns;
          if (op->kind == OpKind::kSleep) {
            if (ns > 0) owed.Add(calls.Of(*op), true);
          } else if (ns > 0) {
            const auto [cpu, delay] = owed.Pay(calls);
            clock += delay;
            for (size_t r = 0; r < resources.size(); ++r)
              if (resources[r] == kCpuResource) use[r] += static_cast<double>(cpu);
          }
          for (size_t r = 0; r < resources.size(); ++r) {
            bool uses = resources[r] == kCpuResource
                            ? op->kind == OpKind::kRun  // a kSpin may be left with next to none
                            : std::find(held.begin(), held.end(), resources[r]) != held.end();
            if (uses) use[r] += static_cast<double>(ns);
          }
          break;
        }
        case OpKind::kPeriod:
          due[op->object] += op->ns;
          clock = std::max(clock, due[op->object] + (w.timers[op->object].shared ? 0 : started));
          break;
        case OpKind::kTimer: clock = std::max(clock, op->ns); break;
        case OpKind::kYield:
        case OpKind::kPut:
        case OpKind::kTake: owed.Add(calls.Of(*op), false); break;
        case OpKind::kLock: held.push_back(op->object); break;
        case OpKind::kUnlock: std::erase(held, op->object); break;
        case OpKind::kEnd:
          if (group.event == EventKind::kMarked && clock <= w.horizon.v) ended(clock);
          break;
        default: break;
      }
      if (clock > w.horizon.v) return;
    }
    if (group.event == EventKind::kIteration) ended(clock);
    if (clock == before) ++clock;  // a pass without run or sleep: at most one a nanosecond
  } while (group.repeat && clock <= w.horizon.v);
}

// Calls f(op, how often it is executed in a pass).
template <class F>
void ForEachOp(const Group& group, F f) {
  double times = 1;
  std::vector<double> outer;
  for (const Op& op : group.program) {
    if (op.kind == OpKind::kLoop) outer.push_back(times), times *= op.count;
    if (op.kind == OpKind::kEndLoop) times = outer.back(), outer.pop_back();
    f(op, times);
  }
}

double CallsOfPass(const LeastCalls& calls, const Group& group) {
  double ns = 0;
  ForEachOp(group, [&](const Op& op, double times) { ns += times * static_cast<double>(calls.Of(op)); });
  return ns;
}

// By how much the calls of a pass delay it at least. What is drawn may be no work at all.
double DelayOfPass(const LeastCalls& calls, const Group& group) {
  if (!calls.any()) return 0;
  LeastCalls::Owed owed;
  int64_t delay = 0;
  ProgramCursor cursor(group.program);
  while (const Op* op = cursor.Next()) {
    if (op->kind == OpKind::kRun && !op->drawn && op->ns > 0) delay += owed.Pay(calls).second;
    else if (const int64_t call = calls.Of(*op)) owed.Add(call, op->kind == OpKind::kSleep);
  }
  return static_cast<double>(delay);
}

// Mean need of one pass for each resource.
std::vector<double> MeanUse(const Workload& w, const LeastCalls& calls, const Group& group, std::span<const int> resources) {
  std::vector<double> use(resources.size());
  std::vector<uint32_t> held;
  ForEachOp(group, [&](const Op& op, double times) {
    if (op.kind == OpKind::kLock) held.push_back(op.object);
    if (op.kind == OpKind::kUnlock) std::erase(held, op.object);
    for (size_t r = 0; r < resources.size(); ++r)
      if (resources[r] == kCpuResource) use[r] += times * static_cast<double>(calls.Of(op));
    if (op.kind != OpKind::kRun && op.kind != OpKind::kSleep && op.kind != OpKind::kSpin) return;
    const double ns = times * (op.drawn ? w.dists[op.object].Mean() : static_cast<double>(op.ns));
    for (size_t r = 0; r < resources.size(); ++r) {
      bool uses = resources[r] == kCpuResource ? op.kind == OpKind::kRun
                                               : std::find(held.begin(), held.end(), resources[r]) != held.end();
      if (uses) use[r] += ns;
    }
  });
  return use;
}

// One task's contribution.
struct TaskSupply {
  double cap = 0;
  std::vector<double> drawdown;
};

class Deviation {
 public:
  // `warmup`: the window may begin after any event, else before the first, where D is 0.
  Deviation(double mu, bool warmup)
      : mu_(mu), warmup_(warmup), high_(warmup ? -std::numeric_limits<double>::infinity() : 0) {}
  void Event(double use) {
    double d = use - mu_ * static_cast<double>(++n_);
    if (warmup_) high_ = std::max(high_, d);
    drawdown_ = std::max(drawdown_, high_ - d);
  }
  double drawdown() const { return drawdown_; }

 private:
  double mu_;
  bool warmup_;
  double high_, drawdown_ = 0;
  int64_t n_ = 0;
};

TaskSupply RealiseTask(const Workload& w, const LeastCalls& calls, const Group& group, const std::vector<Sampler>& samplers, Rng rng,
                       std::span<const int> resources, const std::vector<double>& mu) {
  const Window window = WindowOf(w);
  TaskSupply out;
  std::vector<double> use(resources.size());
  std::vector<Deviation> deviations;
  for (double m : mu) deviations.emplace_back(m, window.warmup);
  std::vector<int64_t> ends;
  size_t first = 0;
  int64_t n = 0;
  WalkTask(w, calls, group, samplers, rng, resources, use, [&](int64_t clock) {
    ++n;
    for (size_t r = 0; r < use.size(); ++r) deviations[r].Event(use[r]);
    if (!window.warmup) {
      out.cap = static_cast<double>(n);
      return;
    }
    // Most events that end within one window's length of each other.
    ends.push_back(clock);
    while (clock - ends[first] > window.length) ++first;
    out.cap = std::max(out.cap, static_cast<double>(ends.size() - first));
  });
  for (const Deviation& d : deviations) out.drawdown.push_back(d.drawdown());
  return out;
}

}  // namespace

std::vector<Supply> ClosedSupply(const Workload& w, const LeastCalls& calls, int g, uint64_t seed, std::span<const int> resources) {
  const Group& group = w.groups[static_cast<size_t>(g)];
  const Window window = WindowOf(w);
  const PassTotals pass = TotalsOfPass(w, group);
  const double count = group.count;
  std::vector<Supply> supplies(resources.size());
  if (pass.events <= 0) return supplies;

  std::vector<double> mu = MeanUse(w, calls, group, resources);
  for (double& m : mu) m /= pass.events;
  double own = std::max(1.0, pass.work + pass.sleep + pass.spin);  // mean ns of a pass
  const double in_horizon = static_cast<double>(window.horizon) / std::max(own, pass.period);
  const double passes = group.repeat ? in_horizon + 1 : std::min(1.0, in_horizon);
  const bool random = pass.drawn || group.has_start;
  const bool walk = count * passes * pass.ops <= kMaxSteps || (!random && passes * pass.ops <= kMaxSteps);

  double cap = 0;
  std::vector<double> credit(resources.size());
  if (walk) {
    const std::vector<Sampler> samplers = MakeSamplers(w);
    // Tasks that draw nothing are alike.
    const int different = random ? group.count : 1;
    for (int i = 0; i < different; ++i) {
      TaskSupply t = RealiseTask(w, calls, group, samplers, TaskStream(seed, g, i), resources, mu);
      const double alike = random ? 1 : count;
      cap += alike * t.cap;
      for (size_t r = 0; r < credit.size(); ++r) credit[r] += alike * t.drawdown[r];
    }
  } else {
    const double allowance = pass.drawn ? kDrawAllowance : 0;
    if (pass.ops <= kMaxSteps) own += DelayOfPass(calls, group);
    cap = count * pass.events *
          (group.repeat ? std::floor(static_cast<double>(window.length) * (1 + allowance) / own) + 1 : 1);
    for (size_t r = 0; r < credit.size(); ++r)
      credit[r] = allowance * mu[r] * cap + (pass.events > 1 ? count * mu[r] * pass.events : 0);
  }

  const double most_owed = 2 * CallsOfPass(calls, group);  // up to the next pass's first work
  for (size_t r = 0; r < supplies.size(); ++r) {
    Supply& s = supplies[r];
    s.owed = most_owed;
    s.cap = cap;
    s.free = mu[r] > 0 ? (window.warmup ? count : 0) + credit[r] / mu[r] : cap;
    s.free = std::min(s.free, cap);
    if (cap > s.free) s.needs.push_back({mu[r], cap - s.free});
  }
  return supplies;
}

Supply OpenSupply(const Workload& w, int g, std::span<const int64_t> work, int64_t before) {
  Supply s;
  s.cap = static_cast<double>(work.size());
  // Requests in progress at the window's start may need next to nothing more.
  s.free = static_cast<double>(std::min<int64_t>(w.groups[static_cast<size_t>(g)].count, before));
  std::vector<int64_t> sorted(work.begin(), work.end());
  std::sort(sorted.begin(), sorted.end());
  for (int64_t ns : sorted) s.needs.push_back({static_cast<double>(ns), 1});
  return s;
}

double MaxEvents(std::span<const Supply> supplies, double capacity_ns) {
  struct Need {
    double ns, count;
    size_t supply;
  };
  std::vector<Need> needs;
  std::vector<double> taken;
  double total = 0;
  for (size_t i = 0; i < supplies.size(); ++i) {
    taken.push_back(supplies[i].free);
    total += supplies[i].free;
    for (auto [ns, count] : supplies[i].needs) needs.push_back({ns, count, i});
  }
  std::sort(needs.begin(), needs.end(), [](const Need& a, const Need& b) { return a.ns < b.ns; });
  for (const Need& n : needs) {
    double k = std::min(n.count, supplies[n.supply].cap - taken[n.supply]);
    if (n.ns > 0) k = std::min(k, capacity_ns / n.ns);
    if (k <= 0) continue;
    taken[n.supply] += k;
    total += k;
    capacity_ns -= k * n.ns;
  }
  return total;
}

std::vector<int> LocksUsed(const Workload& w, int g) {
  std::vector<int> locks;
  for (const Op& op : w.groups[static_cast<size_t>(g)].program)
    if (op.kind == OpKind::kLock && std::find(locks.begin(), locks.end(), static_cast<int>(op.object)) == locks.end())
      locks.push_back(static_cast<int>(op.object));
  return locks;
}

}  // namespace ose
