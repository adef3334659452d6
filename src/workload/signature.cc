#include "workload/signature.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "workload/program.h"
#include "workload/signature_scale.h"

namespace ose {
namespace {

// docs/signature.md defines every feature by what can be counted in a trace and in a kernel too.
// Here the counts are worked out from the programs: each group makes so many passes a second, as
// the CPUs allow, and a pass consists of so many bursts, sleeps, wake-ups and so on.

using namespace signature_scale;  // NOLINT: its only purpose

constexpr double kSampledOps = 20'000;  // of a program with drawn durations
constexpr int kSampledArrivals = 20'000;
constexpr int64_t kSampledCycles = 2000;
constexpr uint64_t kSampleSeed = 0x7369676e61747572;

struct Burst {
  double ns, weight;
};

class Calculator {
 public:
  Calculator(const Workload& w, const Machine& machine)
      : w_(w), cpus_(w.cpus > 0 ? w.cpus : machine.cpus), samplers_(MakeSamplers(w)) {}

  Signature Run() {
    for (const Group& g : w_.groups) passes_.push_back(TotalsOfPass(w_, g));
    FindRates();
    for (size_t g = 0; g < w_.groups.size(); ++g) AddBursts(g);
    std::sort(bursts_.begin(), bursts_.end(), [](const Burst& a, const Burst& b) { return a.ns < b.ns; });

    double sleeps = 0, wakes = 0, locks = 0, yields = 0, open = 0;
    int light = w_.groups.empty() ? 100 : w_.groups[0].weight, heavy = light;
    for (size_t g = 0; g < w_.groups.size(); ++g) {
      const PassTotals& p = passes_[g];
      // A request's thread sleeps when it has served it.
      sleeps += rate_[g] * (p.blocks + (IsOpen(g) ? 1 : 0));
      wakes += rate_[g] * p.wakes;
      locks += rate_[g] * p.locks;
      yields += rate_[g] * p.yields;
      if (IsOpen(g)) open += rate_[g] * Work(g);
      light = std::min(light, w_.groups[g].weight);
      heavy = std::max(heavy, w_.groups[g].weight);
    }
    auto per_cpu_second = [&](double per_second) { return used_ > 0 ? per_second / (used_ / 1e9) : 0; };
    return {
        Unit(std::log2(std::max(1, cpus_)) / std::log2(kMaxCpus)),
        LogScale(static_cast<double>(w_.TaskCount()) / cpus_, kMaxTasksPerCpu),
        Unit(used_ / 1e9 / cpus_),
        BurstScale(BurstQuantile(0.10)),
        BurstScale(BurstQuantile(0.50)),
        BurstScale(BurstQuantile(0.90)),
        BurstScale(BurstQuantile(0.99)),
        LogScale(BurstCv(), kMaxCv),
        LogScale(per_cpu_second(sleeps), kMaxRate),
        LogScale(per_cpu_second(wakes), kMaxRate),
        LogScale(Fanout(), kMaxFanout),
        LogScale(per_cpu_second(locks), kMaxRate),
        LogScale(per_cpu_second(yields), kMaxRate),
        ArrivalBurstiness(),
        Unit(std::log(static_cast<double>(heavy) / std::max(1, light)) / std::log(kMaxWeightRatio)),
        used_ > 0 ? Unit(open / used_) : 0,
    };
  }

 private:
  bool IsOpen(size_t g) const { return w_.groups[g].arrivals.kind != Arrivals::Kind::kNone; }
  double Work(size_t g) const { return passes_[g].work + passes_[g].spin; }
  // The least that a pass takes.
  double Pass(size_t g) const { return std::max(Work(g) + passes_[g].sleep, passes_[g].period); }
  bool IsFinite(size_t g) const { return !IsOpen(g) && !w_.groups[g].repeat; }

  // Passes a second of each group, all its tasks together, and the CPU time that they use. What
  // repeats gets what open-loop and finite groups leave, in proportion to what it asks for.
  void FindRates() {
    double work = 0, chain = 0;  // of finite groups
    for (size_t g = 0; g < w_.groups.size(); ++g) {
      if (!IsFinite(g)) continue;
      work += w_.groups[g].count * Work(g);
      double timers = 0;
      for (const Op& op : w_.groups[g].program)
        if (op.kind == OpKind::kTimer) timers = std::max(timers, static_cast<double>(op.ns));
      chain = std::max({chain, Pass(g), timers});
    }
    span_ = static_cast<double>(w_.horizon.v);
    if (w_.run_to_completion) {
      span_ = std::max({work / cpus_, chain, 1.0});
      if (w_.recorded.present && w_.recorded.span_us > 0) span_ = w_.recorded.span_us * 1e3;
    }
    rate_.resize(w_.groups.size());
    double fixed = 0, wanted = 0;  // ns of CPU a second
    for (size_t g = 0; g < w_.groups.size(); ++g) {
      if (IsOpen(g)) rate_[g] = ArrivalRate(w_, w_.groups[g], cpus_);
      else if (IsFinite(g)) rate_[g] = w_.groups[g].count / (span_ / 1e9);
      else rate_[g] = w_.groups[g].count * 1e9 / std::max(1.0, Pass(g));
      (IsOpen(g) || IsFinite(g) ? fixed : wanted) += rate_[g] * Work(g);
    }
    const double left = std::max(0.0, cpus_ * 1e9 - fixed);
    if (wanted > left)
      for (size_t g = 0; g < w_.groups.size(); ++g)
        if (w_.groups[g].repeat) rate_[g] *= left / wanted;
    used_ = fixed + std::min(wanted, left);
  }

  // A burst is the CPU time between two sleeps of a task, preemption or not.
  void AddBursts(size_t g) {
    const Group& group = w_.groups[g];
    const PassTotals& pass = passes_[g];
    if (Work(g) <= 0 || rate_[g] <= 0) return;
    if (group.repeat && pass.blocks == 0) {  // one burst that never ends
      bursts_.push_back({rate_[g] * Work(g) / group.count * (span_ / 1e9), group.count / (span_ / 1e9)});
      return;
    }
    // A program that repeats carries its last burst into the next pass: the first pass only warms up.
    const int sampled = pass.drawn ? static_cast<int>(std::clamp(kSampledOps / std::max(1.0, pass.ops), 1.0, kSampledOps)) : 1;
    const double weight = rate_[g] / sampled;
    Rng rng = Rng::Stream(kSampleSeed, g);
    double burst = 0;
    for (int i = group.repeat ? -1 : 0; i < sampled; ++i) {
      auto end_burst = [&] {
        if (burst > 0 && i >= 0) bursts_.push_back({burst, weight});
        burst = 0;
      };
      ProgramCursor cursor(group.program);
      double steps = 0;
      while (const Op* op = cursor.Next()) {
        if (++steps > 5e6) break;  // enough of a long loop
        switch (op->kind) {
          case OpKind::kSpin:
          case OpKind::kRun: burst += static_cast<double>(OpNanos(*op, samplers_, rng)); break;
          case OpKind::kSleep:
            OpNanos(*op, samplers_, rng);
            end_burst();
            break;
          case OpKind::kTimer:
          case OpKind::kPeriod:
          case OpKind::kCondWait:
          case OpKind::kWait:
          case OpKind::kTake:
          case OpKind::kBarrier: end_burst(); break;
          default: break;
        }
      }
      if (!group.repeat) end_burst();
    }
  }

  // The least burst that at least this share of all bursts does not exceed.
  double BurstQuantile(double p) const {
    double total = 0, sum = 0;
    for (const Burst& b : bursts_) total += b.weight;
    for (const Burst& b : bursts_)
      if ((sum += b.weight) >= p * total * (1 - 1e-12)) return b.ns;
    return 0;
  }

  double BurstCv() const {
    double total = 0, sum = 0, squares = 0;
    for (const Burst& b : bursts_) total += b.weight, sum += b.weight * b.ns;
    if (sum <= 0) return 0;
    const double mean = sum / total;
    for (const Burst& b : bursts_) squares += b.weight * (b.ns - mean) * (b.ns - mean);
    return std::sqrt(squares / total) / mean;
  }

  // Tasks that a task which wakes others can wake, itself left out, mean.
  double Fanout() const {
    std::vector<std::vector<size_t>> waiters(w_.semaphores.size() + w_.queues.size() + w_.barriers.size() + w_.conditions.size());
    auto queue = [&](uint32_t q) { return w_.semaphores.size() + q; };
    auto barrier = [&](uint32_t b) { return w_.semaphores.size() + w_.queues.size() + b; };
    auto condition = [&](uint32_t c) { return barrier(static_cast<uint32_t>(w_.barriers.size())) + c; };
    for (size_t g = 0; g < w_.groups.size(); ++g) {
      auto add = [&](size_t object) {
        if (waiters[object].empty() || waiters[object].back() != g) waiters[object].push_back(g);
      };
      for (const Op& op : w_.groups[g].program) {
        if (op.kind == OpKind::kWait) add(op.object);
        if (op.kind == OpKind::kTake) add(queue(op.object));
        if (op.kind == OpKind::kBarrier) add(barrier(op.object));
        if (op.kind == OpKind::kCondWait) add(condition(op.object));
      }
    }
    double wakers = 0, wakees = 0;
    std::vector<size_t> seen_by(w_.groups.size(), SIZE_MAX);     // groups, by the waker that last counted them
    std::vector<size_t> object_of(waiters.size(), SIZE_MAX);     // likewise objects
    for (size_t g = 0; g < w_.groups.size(); ++g) {
      double sum = 0;
      bool wakes = false;
      auto add = [&](size_t object) {
        wakes = true;
        if (object_of[object] == g) return;
        object_of[object] = g;
        for (size_t h : waiters[object]) {
          if (seen_by[h] == g) continue;
          seen_by[h] = g;
          sum += w_.groups[h].count - (h == g ? 1 : 0);
        }
      };
      for (const Op& op : w_.groups[g].program) {
        if (op.kind == OpKind::kSignal) add(op.object);
        if (op.kind == OpKind::kPut) add(queue(op.object));
        if (op.kind == OpKind::kBarrier) add(barrier(op.object));
        if (op.kind == OpKind::kCondSignal || op.kind == OpKind::kCondBroadcast) add(condition(op.object));
      }
      if (!wakes) continue;
      wakers += w_.groups[g].count;
      wakees += w_.groups[g].count * sum;
    }
    return wakers > 0 ? wakees / wakers : 0;
  }

  // Coefficient of variation of the gaps between arrivals.
  double ArrivalCv(size_t g) const {
    const Arrivals& a = w_.groups[g].arrivals;
    if (a.kind == Arrivals::Kind::kPeriodic) return 0;
    // Of n requests at once n - 1 come after no gap: E[x^2] = 2 n / rate^2.
    if (a.states.empty()) return std::sqrt(2 * a.batch - 1);
    Workload longer = w_;  // the process stops at its horizon
    int64_t cycle = 0;
    for (const Arrivals::State& s : a.states) cycle += std::min(s.ns, kMaxDrawNs / kSampledCycles / static_cast<int64_t>(a.states.size()));
    longer.horizon = {kSampledCycles * cycle};
    ArrivalProcess arrivals(longer, static_cast<int>(g), cpus_, kSampleSeed);
    double n = 0, sum = 0, squares = 0, last = 0;
    for (Nanos at = arrivals.Next(); at < longer.horizon && n < kSampledArrivals; at = arrivals.Next()) {
      const double gap = static_cast<double>(at.v) - last;
      last = static_cast<double>(at.v);
      ++n;
      sum += gap;
      squares += gap * gap;
    }
    const double mean = n > 0 ? sum / n : 0;
    return mean > 0 ? std::sqrt(std::max(0.0, squares / n - mean * mean)) / mean : 1;
  }

  // c / (1 + c), where c is the coefficient of variation of the gaps between arrivals from
  // outside, the last one lasting to the end of the window; mean over sources, by arrivals.
  double ArrivalBurstiness() const {
    double weight = 0, sum = 0;
    std::vector<double> starts;  // of tasks that come, do their work and go
    for (size_t g = 0; g < w_.groups.size(); ++g) {
      const Group& group = w_.groups[g];
      if (IsOpen(g)) {
        weight += rate_[g];
        const double c = ArrivalCv(g);
        sum += rate_[g] * c / (1 + c);
      } else if (IsFinite(g) && !group.forked) {
        for (int i = 0; i < group.count; ++i) {
          Rng rng = TaskStream(kSampleSeed, static_cast<int>(g), i);
          starts.push_back(group.has_start ? static_cast<double>(Sample(group.start, rng).v) : 0);
        }
      }
    }
    if (!starts.empty()) {
      std::sort(starts.begin(), starts.end());
      const double n = static_cast<double>(starts.size());
      const double end = std::max(starts.back(), starts.front() + span_);
      double squares = 0, mean = (end - starts.front()) / n;
      for (size_t i = 0; i < starts.size(); ++i) {
        double gap = (i + 1 < starts.size() ? starts[i + 1] : end) - starts[i];
        squares += (gap - mean) * (gap - mean);
      }
      const double c = mean > 0 ? std::sqrt(squares / n) / mean : 0;
      const double rate = n / (span_ / 1e9);
      weight += rate;
      sum += rate * c / (1 + c);
    }
    return weight > 0 ? Unit(sum / weight) : 0;
  }

  const Workload& w_;
  const int cpus_;
  const std::vector<Sampler> samplers_;
  std::vector<PassTotals> passes_;
  std::vector<double> rate_;  // passes a second of each group
  double span_ = 1;           // ns: of a run to completion, or the horizon
  double used_ = 0;           // ns of CPU a second
  std::vector<Burst> bursts_;
};

}  // namespace

Signature ComputeSignature(const Workload& workload, const Machine& machine) {
  return Calculator(workload, machine).Run();
}

double SignatureDistance(const Signature& a, const Signature& b) {
  double sum = 0, weights = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    sum += kSignatureWeights[i] * (a[i] - b[i]) * (a[i] - b[i]);
    weights += kSignatureWeights[i];
  }
  return std::sqrt(sum / weights);
}

}  // namespace ose
