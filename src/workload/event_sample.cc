#include "workload/event_sample.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "workload/program.h"

namespace ose {
namespace {

bool OpenLoop(const Group& group) { return group.arrivals.kind != Arrivals::Kind::kNone; }

// Of all events of a program, whatever is drawn: the least work + sleeps, and, when that can be
// told, the least ratio of it to the work.
void LeastEvent(const Workload& w, const Group& group, EventSample& sample) {
  double own = 0, work = 0, times = 1;
  bool inside = group.event == EventKind::kIteration, drawn = false;
  std::vector<double> outer;
  auto ended = [&] {
    sample.least_own = std::min(sample.least_own, own);
    sample.least_ratio = std::min(sample.least_ratio, !drawn && work > 0 ? own / work : 1);
    inside = false;
  };
  for (const Op& op : group.program) {
    if (op.kind == OpKind::kLoop) {
      outer.push_back(times);
      times *= op.count;
    } else if (op.kind == OpKind::kEndLoop) {
      times = outer.back();
      outer.pop_back();
    } else if (op.kind == OpKind::kBegin && group.event == EventKind::kMarked) {
      inside = true;
      drawn = false;
      own = work = 0;
      times = 1;  // loops inside the event multiply from here; loops around it do not matter
    } else if (op.kind == OpKind::kEnd && group.event == EventKind::kMarked) {
      ended();
    } else if (inside && op.kind == OpKind::kSpin) {
      own += times * (op.drawn ? 0 : static_cast<double>(op.ns));
      drawn = true;  // how much CPU time it uses
    } else if (inside && (op.kind == OpKind::kRun || op.kind == OpKind::kSleep)) {
      double ns = times * (op.drawn ? std::floor(LeastNs(w.dists[op.object]) + 0.5) : static_cast<double>(op.ns));
      own += ns;
      if (op.kind == OpKind::kRun) work += ns;
      drawn |= op.drawn;
    }
  }
  if (group.event == EventKind::kIteration) ended();
}

}  // namespace

bool RequestsAreEvents(const Group& group) {
  return OpenLoop(group) && group.event == EventKind::kIteration;
}

std::vector<Request> RealiseRequests(const Workload& w, int g, int cpus, uint64_t seed) {
  std::vector<Request> requests;
  const Group& group = w.groups[static_cast<size_t>(g)];
  const double rate = ArrivalRate(w, group, cpus);
  if (!(rate > 0)) return requests;
  const std::vector<Sampler> samplers = MakeSamplers(w);
  requests.reserve(static_cast<size_t>(rate * w.horizon.s() * 1.05) + 16);
  ArrivalProcess arrivals(w, g, cpus, seed);
  for (Nanos at = arrivals.Next(); at < w.horizon; at = arrivals.Next()) {
    Rng rng = RequestStream(seed, g, requests.size());
    Request r{at.v, 0, 0, 0};
    ProgramCursor cursor(group.program);
    while (const Op* op = cursor.Next()) {
      if (op->kind != OpKind::kRun && op->kind != OpKind::kSleep && op->kind != OpKind::kSpin) continue;
      const int64_t ns = OpNanos(*op, samplers, rng);
      if (op->kind == OpKind::kSpin) {
        if (ns <= 0) continue;
        r.own += std::max(ns, kSpinStep.v);
        r.work += kSpinStep.v;
        r.spare += ns;
        continue;
      }
      r.own += ns;
      if (op->kind == OpKind::kRun) r.work += ns;
    }
    requests.push_back(r);
  }
  return requests;
}

EventSample TakeEventSample(const Workload& w, std::span<const int> groups,
                            std::span<const std::vector<Request>> requests, const CriticalPath* path) {
  auto group = [&](int g) -> const Group& { return w.groups[static_cast<size_t>(g)]; };
  EventSample s;
  s.complete = std::all_of(groups.begin(), groups.end(), [&](int g) { return RequestsAreEvents(group(g)) || path; });
  s.least_own = s.least_ratio = std::numeric_limits<double>::infinity();
  bool fixed = s.complete;  // the releases
  bool sleeps = false;
  std::vector<bool> selected(w.groups.size());
  for (int g : groups) {
    if (!OpenLoop(group(g))) selected[static_cast<size_t>(g)] = true;
    if (!s.complete) LeastEvent(w, group(g), s);
    fixed &= OpenLoop(group(g)) || (group(g).event == EventKind::kIteration && !group(g).forked);
  }
  if (!s.complete) return s;
  auto add = [&](int64_t release, int64_t work, int64_t own) {
    s.own.push_back(static_cast<double>(own));
    if (own > work) sleeps = true;
    if (fixed) s.jobs.push_back({release, work});
  };
  size_t n = path ? path->events.size() : 0;
  for (int g : groups) n += requests[static_cast<size_t>(g)].size();
  s.own.reserve(n);
  if (fixed) s.jobs.reserve(n);
  // An unfinished request counts with its age at the end, twice the horizon.
  for (int g : groups)
    for (const Request& r : requests[static_cast<size_t>(g)])
      if (r.release >= w.warmup.v) add(r.release, r.work, std::min(r.own, 2 * w.horizon.v - r.release));
  if (path)
    for (const CriticalPath::Event& e : path->events)
      if (selected[static_cast<size_t>(e.group)]) add(e.release, e.work, e.own);
  auto ratio = [&](int64_t own, int64_t work, int64_t spare) {
    s.ratio.push_back(std::max(1.0, static_cast<double>(own) / static_cast<double>(work + spare)));
  };
  if (sleeps) {
    for (int g : groups)
      for (const Request& r : requests[static_cast<size_t>(g)])
        if (r.release >= w.warmup.v && r.work > 0) ratio(r.own, r.work, r.spare);
    if (path)
      for (const CriticalPath::Event& e : path->events)
        if (selected[static_cast<size_t>(e.group)] && e.work > 0)
          ratio(e.own, e.work, e.spare);
  }
  auto earlier = [](const Job& a, const Job& b) { return a.release < b.release; };
  if (!std::is_sorted(s.jobs.begin(), s.jobs.end(), earlier)) std::sort(s.jobs.begin(), s.jobs.end(), earlier);
  return s;
}

}  // namespace ose
