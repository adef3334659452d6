#include "workload/bound.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <span>

#include "workload/cpu_speeds.h"
#include "workload/critical_path.h"
#include "workload/event_begin.h"
#include "workload/event_sample.h"
#include "workload/event_supply.h"
#include "workload/least_calls.h"
#include "workload/least_span.h"
#include "workload/program.h"
#include "workload/srpt.h"

namespace ose {
namespace {

// Every bound is of the metric as the simulator defines it (docs/metrics.md), argued in
// docs/bounds.md. They come from three sources, depending on what of the run is the same under
// every policy:
//   to completion  every event happens: the critical path, the work and the sorted works of all
//                  events are known (FindCriticalPath);
//   open loop      every request happens, at a known time (SRPT, sorted works);
//   closed loop    a policy chooses how many events of which task happen: only their number is
//                  bounded (event_supply.h), and each one's latency by the least that any needs.

// A run to completion of more operations than this is not realised one by one.
constexpr double kMaxOps = 3e7;
// Then what draws deviate from their mean is allowed for with this share.
constexpr double kDrawAllowance = 0.02;
// The clock's resolution stands for 0 where a score needs something to divide.
constexpr double kOneNanosecondUs = 1e-3;

double Us(double ns) { return ns / 1e3; }

// The k-th smallest for k = floor(p (n - 1)), for rising p: each call narrows what is left.
class Quantiles {
 public:
  explicit Quantiles(std::vector<double>& xs) : xs_(xs) {}
  double At(double p) {
    auto k = static_cast<std::ptrdiff_t>(p * static_cast<double>(xs_.size() - 1));
    std::nth_element(xs_.begin() + from_, xs_.begin() + k, xs_.end());
    from_ = k;
    return xs_[static_cast<size_t>(k)];
  }

 private:
  std::vector<double>& xs_;
  std::ptrdiff_t from_ = 0;
};

class Calculator {
 public:
  Calculator(const Workload& w, const Machine& machine, uint64_t seed)
      : w_(w), machine_(machine), calls_(machine), seed_(seed), cpus_(w.cpus > 0 ? w.cpus : machine.cpus), on_(w, machine, cpus_) {}

  Metrics Run() {
    Realise();
    std::vector<int> all, counted;
    for (size_t g = 0; g < w_.groups.size(); ++g) {
      all.push_back(static_cast<int>(g));
      if (w_.groups[g].measured && w_.groups[g].event != EventKind::kNone) counted.push_back(static_cast<int>(g));
    }
    if (!counted.empty()) AddEventBounds("", counted);
    AddWakeups("", all);
    // A recording may have a group for each of thousands of tasks; nobody reads those.
    const bool every_group = w_.groups.size() <= 64;
    for (int g : all) {
      if (w_.groups.size() < 2) break;
      const std::string prefix = w_.groups[static_cast<size_t>(g)].name + ".";
      if (!every_group && !IsNamed(prefix)) continue;
      if (w_.groups[static_cast<size_t>(g)].event != EventKind::kNone) AddEventBounds(prefix, {{g}});
      AddWakeups(prefix, {{g}});
    }
    if (w_.run_to_completion) out_["span"] = Us(SpanNs());
    out_["fairness"] = 1;
    out_["utilization"] = 100 * std::min(1.0, static_cast<double>(w_.TaskCount()) / cpus_);
    // A time that some policy could bring to nothing: the score still needs a bound.
    for (const Objective& o : w_.objectives)
      if (const MetricInfo* m = FindMetric(o.metric); m && m->unit == "us" && !out_.contains(o.metric))
        out_[o.metric] = kOneNanosecondUs;
    return std::move(out_);
  }

 private:
  using Groups = std::span<const int>;
  const Group& group(int g) const { return w_.groups[static_cast<size_t>(g)]; }
  bool OpenLoop(int g) const { return group(g).arrivals.kind != Arrivals::Kind::kNone; }
  bool IsNamed(const std::string& prefix) const {
    return std::any_of(w_.objectives.begin(), w_.objectives.end(),
                       [&](const Objective& o) { return o.metric.starts_with(prefix); });
  }

  // --- What happens under every policy ---------------------------------------------------

  void Realise() {
    double ops = 0;
    for (size_t g = 0; g < w_.groups.size(); ++g) {
      passes_.push_back(TotalsOfPass(w_, w_.groups[g]));
      ops += passes_.back().ops * w_.groups[g].count;
      requests_.push_back(RealiseRequests(w_, static_cast<int>(g), cpus_, seed_));
    }
    if (w_.run_to_completion && ops <= kMaxOps) path_ = FindCriticalPath(w_, calls_, seed_);
  }

  // --- Events ----------------------------------------------------------------------------

  void AddEventBounds(const std::string& prefix, Groups groups) {
    auto put = [&](const char* name, double value) {
      if (std::isfinite(value) && value > 0) out_[prefix + name] = value;
    };
    if (auto [events, ns] = EventsAndWindow(groups); events > 0) {
      put("events", events);
      put("throughput", events / (ns / 1e9));
    }
    EventSample s = TakeEventSample(w_, groups, requests_, path_ ? &*path_ : nullptr);
    if (s.complete && s.own.empty()) return;  // no event at all
    AddLatency(put, groups, s);
    AddSlowdown(put, s);
    AddStarts(put, groups, s);
  }

  // The most events, and the least time in which they are counted, ns.
  std::pair<double, double> EventsAndWindow(Groups groups) {
    if (!w_.run_to_completion) return {EventsInHorizon(groups), static_cast<double>(w_.horizon.v - w_.warmup.v)};
    double events = 0, window = 1;
    if (!path_) {
      for (int g : groups) events += group(g).count * passes_[static_cast<size_t>(g)].events;
      auto work = [&](int g) { return group(g).event == EventKind::kIteration ? MeanWorkOf(g) : 0.0; };
      return {events, std::max(1.0, on_.LongestWork(groups, work))};
    }
    for (int g : groups) {
      const CriticalPath::PerGroup& p = path_->groups[static_cast<size_t>(g)];
      events += static_cast<double>(p.events);
      window = std::max(window, static_cast<double>(p.window_chain));
    }
    auto work = [&](int g) { return path_->groups[static_cast<size_t>(g)].window_work; };
    auto with_calls = [&](int g) { return work(g) + path_->groups[static_cast<size_t>(g)].window_calls; };
    window = std::max({window, on_.LongestWork(groups, work), on_.LongestWork(groups, with_calls) - Unpaid()});
    // When all that happens is part of some event, dependencies and locks fill the window too.
    bool all_iterations = groups.size() == w_.groups.size() && std::all_of(groups.begin(), groups.end(), [&](int g) {
                            return group(g).event == EventKind::kIteration;
                          });
    if (all_iterations) {
      window = std::max(window, static_cast<double>(FindCriticalPath(w_, calls_, seed_, false).finish));
      for (double hold : path_->hold) window = std::max(window, hold);
    }
    return {events, window};
  }

  double MeanWorkOf(int g) const {
    const PassTotals& p = passes_[static_cast<size_t>(g)];
    return group(g).forked ? 0 : group(g).count * p.work * (p.drawn ? 1 - kDrawAllowance : 1);
  }

  // By how much the CPUs' unpaid system calls may shorten a run (least_calls.h).
  double Unpaid() const { return static_cast<double>(kMostDebt.v + path_->most_owed); }

  double EventsInHorizon(Groups groups) const {
    const double events = EventsInHorizon(groups, LeastCalls());
    const bool call = std::any_of(groups.begin(), groups.end(), [&](int g) {
      const std::vector<Op>& program = group(g).program;
      return std::any_of(program.begin(), program.end(), [&](const Op& op) { return calls_.Of(op) > 0; });
    });
    return call ? std::min(events, EventsInHorizon(groups, calls_)) : events;
  }

  double EventsInHorizon(Groups groups, const LeastCalls& calls) const {
    std::vector<int> resources = {kCpuResource};
    for (int g : groups)
      if (!OpenLoop(g))
        for (int lock : LocksUsed(w_, g))
          if (std::find(resources.begin(), resources.end(), lock) == resources.end()) resources.push_back(lock);
    std::vector<std::vector<Supply>> supplies(resources.size());
    const double window = static_cast<double>(w_.horizon.v - w_.warmup.v);
    double owed = 0;
    const double cpu_time = window * on_.SpeedOf(groups);
    for (int g : groups) {
      if (!OpenLoop(g)) {
        std::vector<Supply> s = ClosedSupply(w_, calls, g, seed_, resources);
        owed = std::max(owed, s[0].owed);
        for (size_t r = 0; r < s.size(); ++r) supplies[r].push_back(std::move(s[r]));
        continue;
      }
      const std::vector<Request>& requests = requests_[static_cast<size_t>(g)];
      Supply all;  // of locks, and of CPUs when there is time for everything
      all.cap = all.free = static_cast<double>(requests.size()) * passes_[static_cast<size_t>(g)].events;
      for (size_t r = 1; r < resources.size(); ++r) supplies[r].push_back(all);
      double total = 0;
      for (const Request& q : requests) total += static_cast<double>(q.work);
      if (!RequestsAreEvents(group(g)) || (groups.size() == 1 && total <= cpu_time)) {
        supplies[0].push_back(all);
        continue;
      }
      int64_t before = 0;
      std::vector<int64_t> work;
      for (const Request& q : requests) {
        work.push_back(q.work);
        before += q.release < w_.warmup.v;
      }
      supplies[0].push_back(OpenSupply(w_, g, work, before));
    }
    const double unpaid = calls.any() ? on_.CpusOf(groups) * (static_cast<double>(kMostDebt.v) + owed) : 0;
    double events = std::numeric_limits<double>::infinity();
    for (size_t r = 0; r < resources.size(); ++r)
      events = std::min(events, MaxEvents(supplies[r], resources[r] == kCpuResource ? cpu_time + unpaid : window));
    return std::floor(events + 1e-6);
  }

  // --- Latency ---------------------------------------------------------------------------

  template <class Put>
  void AddLatency(Put put, Groups groups, EventSample& s) const {  // reorders s.own
    const char* const names[] = {"latency_p50", "latency_p95", "latency_p99", "latency_p999", "latency_max"};
    const double ps[] = {0.5, 0.95, 0.99, 0.999, 1.0};
    if (!s.complete) {
      put("latency_mean", Us(s.least_own));
      for (const char* name : names) put(name, Us(s.least_own));
      return;
    }
    double mean = std::accumulate(s.own.begin(), s.own.end(), 0.0) / static_cast<double>(s.own.size());
    if (TogetherOf(groups) != Together::kNo) {
      s.own = BatchLatencies(groups);
      mean = std::max(std::accumulate(s.own.begin(), s.own.end(), 0.0) / static_cast<double>(s.own.size()),
                      ShortestFirstMean(groups));
    } else if (!s.jobs.empty()) {
      mean = std::max(mean, MeanResponse(s.jobs, static_cast<int>(std::ceil(on_.SpeedOf(groups)))));
    }
    put("latency_mean", Us(mean));
    Quantiles quantiles(s.own);
    for (size_t i = 0; i < std::size(names); ++i) put(names[i], Us(quantiles.At(ps[i])));
  }

  // `cpus`: what the CPUs get done together, rounded up.
  double MeanResponse(const std::vector<Job>& jobs, int cpus) const {
    const double n = static_cast<double>(jobs.size());
    const int64_t end = w_.run_to_completion ? kNoLimit : 2 * w_.horizon.v;
    double total = SrptTotalFlow(jobs, cpus, end);
    if (cpus > 1) {
      // A policy may leave requests unfinished, each counting with an age of at least the horizon.
      // Leaving one out lowers this bound by at most a busy period and half its work, so the
      // bound holds if those are shorter.
      double longest = 0, busy = MeanBusyTotalFlow(jobs, cpus, &longest);
      int64_t largest = 0;
      for (const Job& j : jobs) largest = std::max(largest, j.work);
      if (w_.run_to_completion || longest + static_cast<double>(largest) / 2 <= static_cast<double>(w_.horizon.v))
        total = std::max(total, busy);
    }
    return total / n;
  }

  std::vector<std::pair<double, double>> BatchWorkAndOwn(Groups groups) const {
    std::vector<std::pair<double, double>> xs;
    for (const CriticalPath::Event& e : path_->events)
      if (std::find(groups.begin(), groups.end(), e.group) != groups.end())
        xs.push_back({static_cast<double>(e.work), static_cast<double>(e.own)});
    return xs;
  }

  // Released together, the first k events to end contain at least the work of the k shortest,
  // and the k-th is at least the k-th shortest by itself; McNaughton attains it for one k.
  std::vector<double> BatchLatencies(Groups groups) const {
    std::vector<double> work, own;
    for (auto [w, o] : BatchWorkAndOwn(groups)) work.push_back(w), own.push_back(o);
    std::sort(work.begin(), work.end());
    std::sort(own.begin(), own.end());
    const double speed = on_.SpeedOf(groups);
    double sum = 0;
    for (size_t k = 0; k < work.size(); ++k) {
      sum += work[k];
      own[k] = std::max(own[k], sum / speed);
    }
    return own;
  }

  // The sum of completion times is least, preemption or not, when the CPUs take the shortest
  // job first (McNaughton 1959; Conway, Maxwell and Miller 1967): C(k) = p(k) + C(k - m).
  double ShortestFirstMean(Groups groups) const {
    std::vector<double> end;
    for (auto [w, o] : BatchWorkAndOwn(groups)) end.push_back(w);
    std::sort(end.begin(), end.end());
    const size_t m = static_cast<size_t>(on_.CpusOf(groups));
    for (size_t k = m; k < end.size(); ++k) end[k] += end[k - m];
    return std::accumulate(end.begin(), end.end(), 0.0) / static_cast<double>(end.size());
  }

  template <class Put>
  void AddSlowdown(Put put, const EventSample& s) const {
    const char* const names[] = {"slowdown_p50", "slowdown_p99", "slowdown_p999"};
    const double ps[] = {0.5, 0.99, 0.999};
    // Beside a busy sibling the same work takes more CPU time, of which sleeps are then a smaller part.
    const double speed = machine_.smt == 2 ? std::min(1.0, machine_.smt_speed) : 1;
    std::vector<double> ratio = s.ratio;
    const auto beside = [&](double r) { return speed < 1 ? 1 + (r - 1) * speed : r; };
    for (double& r : ratio) r = beside(r);
    // Requests that were never begun have no slowdown: which remain is the policy's choice, so
    // only the least ratio holds for an open loop.
    const double least = !s.complete      ? std::max(1.0, beside(s.least_ratio))
                         : ratio.empty()  ? 1
                         : *std::min_element(ratio.begin(), ratio.end());
    const bool all = s.complete && path_ && !ratio.empty();
    put("slowdown_mean",
        all ? std::accumulate(ratio.begin(), ratio.end(), 0.0) / static_cast<double>(ratio.size()) : least);
    Quantiles quantiles(ratio);
    for (size_t i = 0; i < std::size(names); ++i) put(names[i], all ? quantiles.At(ps[i]) : least);
  }

  // --- Starts and wake-ups ---------------------------------------------------------------

  Together TogetherOf(Groups groups) const { return path_ ? EventsTogether(w_, groups) : Together::kNo; }

  double SwitchNs() const { return static_cast<double>(std::max<int64_t>(1, machine_.context_switch.v)); }

  template <class Put>
  void AddStarts(Put put, Groups groups, const EventSample& s) const {
    const std::pair<const char*, double> quantiles[] = {{"start_p50", 0.5}, {"start_p95", 0.95}, {"start_p99", 0.99}};
    const Together together = TogetherOf(groups);
    const double m = on_.CpusOf(groups);
    for (auto [name, p] : quantiles) {
      if (together != Together::kNo) {
        // Each start takes a switch of its CPU. The task that comes last to a barrier does not
        // sleep there: it may have paid its switch before, so it is not counted among the others.
        double j = std::floor(p * (static_cast<double>(s.own.size()) - 1));
        if (together == Together::kAtBarrier && --j < 0) continue;
        double ns = (std::floor(j / m) + 1) * SwitchNs();
        // At time 0 every CPU must first leave its idle state.
        if (together == Together::kAtZero) ns += static_cast<double>(machine_.idle_exit.v);
        put(name, Us(ns));
      } else if (std::all_of(groups.begin(), groups.end(), [&](int g) { return BeginsWithSwitch(group(g)); })) {
        put(name, Us(SwitchNs()));
      }  // else an event may begin the moment it is released
    }
  }

  void AddWakeups(const std::string& prefix, Groups) {
    for (const char* name : {"wakeup_p50", "wakeup_p99", "wakeup_p999"}) out_[prefix + name] = Us(SwitchNs());
  }

  // --- Span ------------------------------------------------------------------------------

  double SpanNs() const {
    std::vector<int> all(w_.groups.size());
    std::iota(all.begin(), all.end(), 0);
    if (!path_) return std::max(1.0, on_.LongestWork(all, [&](int g) { return MeanWorkOf(g); }));
    return LeastSpan(w_, *path_, on_, Unpaid());
  }

  const Workload& w_;
  const Machine& machine_;
  const LeastCalls calls_;
  const uint64_t seed_;
  const int cpus_;
  const CpuSpeeds on_;
  std::vector<PassTotals> passes_;
  std::vector<std::vector<Request>> requests_;  // by group; open loop only
  std::optional<CriticalPath> path_;            // runs to completion only
  Metrics out_;
};

// What bounds a metric, in one line. `name` is without its group.
std::string Argument(const Workload& w, const Machine& machine, std::string_view name, double value) {
  const bool open = std::any_of(w.groups.begin(), w.groups.end(),
                                [](const Group& g) { return g.arrivals.kind != Arrivals::Kind::kNone; });
  const double one_switch = Us(static_cast<double>(std::max<int64_t>(1, machine.context_switch.v)));
  if (name == "throughput" || name == "events") {
    if (w.run_to_completion && name == "events") return "all events of the workload";
    if (w.run_to_completion)
      return "events over max(work / CPUs, longest event, critical path, time under one lock) (McNaughton 1959)";
    return open ? "requests that arrive, and that the CPUs have time for"
                : "least of CPU time / work, tasks / (work + sleep), time / time under one lock (Denning and Buzen 1978), "
                  "and one event a task in progress at the window's start";
  }
  if (name == "span") return "max over r of r + work that cannot begin before r / CPUs; work that something must follow / CPUs + that; critical path; time under one lock";
  if (name == "latency_mean" && open)
    return "max of SRPT on one server as fast as all CPUs (Schrage 1968), mean busy times (Goemans et al. 2002), mean own work";
  if (name.starts_with("latency")) {
    if (w.run_to_completion) return "k-th shortest work; released together, also the k shortest works / CPUs; shortest first for the mean";
    return open ? "k-th smallest work of the requests" : "least work + sleep of any event";
  }
  if (name.starts_with("slowdown")) return "an event takes at least its own CPU time and sleeps";
  if (name.starts_with("start")) {
    if (value < one_switch) return "none: an event can begin the moment it is released (1 ns stands for 0)";
    return value > one_switch ? "released together: the j-th start waits for floor(j / CPUs) + 1 context switches"
                              : "one context switch";
  }
  if (name.starts_with("wakeup")) return "one context switch";
  if (name == "fairness") return "Jain's index is at most 1";
  if (name == "utilization") return "a task uses one CPU at a time";
  return "none: 1 ns stands for 0";
}

}  // namespace

Metrics Bounds(const Workload& workload, const Machine& machine, uint64_t seed) {
  return Calculator(workload, machine, seed).Run();
}

std::vector<BoundNote> BoundNotes(const Workload& workload) {
  Machine machine;  // which metrics have bounds does not depend on it
  if (workload.cpus > 0) machine.cpus = workload.cpus;
  std::vector<BoundNote> notes;
  for (const auto& [metric, value] : Bounds(workload, machine, 1)) {
    std::string_view name = metric;
    if (size_t dot = name.rfind('.'); dot != std::string_view::npos) name.remove_prefix(dot + 1);
    notes.push_back({metric, Argument(workload, machine, name, value)});
  }
  return notes;
}

}  // namespace ose
