#include "workload/program.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ose {

std::vector<Sampler> MakeSamplers(const Workload& workload) {
  std::vector<Sampler> samplers;
  samplers.reserve(workload.dists.size());
  for (const Dist& d : workload.dists) samplers.emplace_back(d);
  return samplers;
}

uint32_t WorkHint(const std::vector<Op>& program, const std::vector<Sampler>& samplers, Rng rng) {
  int64_t work = 0;
  ProgramCursor cursor(program);
  while (const Op* op = cursor.Next()) {
    if (op->kind != OpKind::kRun && op->kind != OpKind::kSleep && op->kind != OpKind::kSpin) continue;
    const int64_t ns = OpNanos(*op, samplers, rng);
    if (op->kind != OpKind::kSleep) work += ns;
    if (work >= UINT32_MAX) return UINT32_MAX;
  }
  return static_cast<uint32_t>(work);
}

double LeastNs(const Dist& d) {
  switch (d.kind) {
    case Dist::Kind::kConstant:
    case Dist::Kind::kUniform:
    case Dist::Kind::kPareto: return d.a;
    case Dist::Kind::kQuantiles: return d.value.empty() ? 0 : d.value[0];
    case Dist::Kind::kExponential:
    case Dist::Kind::kLognormal: return 0;
    case Dist::Kind::kMix: {
      double least = std::numeric_limits<double>::infinity();
      for (size_t i = 0; i < d.value.size(); ++i)
        if (d.weight[i] > 0) least = std::min(least, d.value[i]);
      return std::isfinite(least) ? least : 0;
    }
  }
  return 0;
}

PassTotals TotalsOfPass(const Workload& workload, const Group& group) {
  PassTotals t;
  double times = 1;
  std::vector<double> outer;
  for (const Op& op : group.program) {
    if (op.kind == OpKind::kLoop) {
      outer.push_back(times);
      times *= op.count;
      continue;
    }
    if (op.kind == OpKind::kEndLoop) {
      times = outer.back();
      outer.pop_back();
      continue;
    }
    t.ops += times;
    auto mean = [&] { return op.drawn ? workload.dists[op.object].Mean() : static_cast<double>(op.ns); };
    switch (op.kind) {
      case OpKind::kRun:
        t.work += times * mean();
        t.drawn |= op.drawn;
        break;
      case OpKind::kSleep:
        t.sleep += times * mean();
        t.drawn |= op.drawn;
        t.blocks += times;
        break;
      case OpKind::kSpin:
        t.spin += times * mean();
        t.drawn |= op.drawn;
        break;
      case OpKind::kPeriod:
        t.period += times * static_cast<double>(op.ns);
        t.blocks += times;
        break;
      case OpKind::kCondWait:
      case OpKind::kTimer:
      case OpKind::kWait: t.blocks += times; break;
      case OpKind::kTake: t.blocks += times; break;
      case OpKind::kBarrier: {
        const double parties = workload.barriers[op.object].parties;
        if (parties > 1) t.blocks += times * (parties - 1) / parties, t.wakes += times * (parties - 1) / parties;
        break;
      }
      case OpKind::kSignal: t.wakes += times * op.count; break;
      case OpKind::kCondSignal:
      case OpKind::kCondBroadcast:
        t.wakes += times;
        break;
      case OpKind::kPut:
        t.wakes += times;
        if (workload.queues[op.object].capacity > 0) t.full += times;
        break;
      case OpKind::kLock: t.locks += times; break;
      case OpKind::kYield: t.yields += times; break;
      case OpKind::kEnd:
        if (group.event == EventKind::kMarked) t.events += times;
        break;
      default: break;
    }
  }
  if (group.event == EventKind::kIteration) t.events = 1;
  return t;
}

}  // namespace ose
