// The parts of the machine model that a profile may switch on: hardware threads that share a core,
// noise, locks, caches.
#include <algorithm>

#include "sim/kernel_inline.h"

namespace ose {
namespace {

// No burst is looked at further ahead than 46 days, so that thousandths of it do not overflow.
constexpr int64_t kFarNs = 4'000'000'000'000'000;

}  // namespace

// UpdateCurr() for a CPU whose time is not all its task's progress.
// What noise took is known when the time has passed: noise needs no events of its own, and an idle
// machine on which nothing else will happen is still seen to be stuck.
void Kernel::UpdateCurrSlowly(Cpu& c) {
  if (!noise_.empty()) {
    NoiseSource& noise = noise_[static_cast<size_t>(c.id)];
    for (Nanos start; (start = std::max(noise.next(), c.acct)) < now_;) {
      Progress(c, start);
      const Nanos taken = noise.Take();
      c.acct += taken;
      c.totals.overhead += taken;
      if (observer_) [[unlikely]] {
        observer_->OnCost(c.id, CostKind::kNoise, taken);
        observer_->OnOverhead(c.id, c.acct - taken, taken);
      }
    }
  }
  if (c.acct < now_) Progress(c, now_);
}

// The CPU's task ran undisturbed up to `to`. Its slice and CPU time are what the kernel's clock says;
// what it got done is exact to a thousandth of a nanosecond, however the time is cut into pieces.
void Kernel::Progress(Cpu& c, Nanos to) {
  const Nanos delta = to - c.acct;
  c.acct = to;
  Task* t = c.curr;
  if (!t) {
    c.totals.idle += delta;
    return;
  }
  Nanos work = delta;
  if (c.slowed) {
    const int64_t permille = delta.v * smt_permille_ + t->progress_permille;
    work = {permille / 1000};
    t->progress_permille = static_cast<int32_t>(permille % 1000);
    c.totals.slowed += delta - work;
  }
  t->remaining -= work;
  t->run_total += delta;
  c.totals.useful += delta;
  if (t->slice != osevolve::kSliceInfinite)
    t->slice = t->slice > static_cast<uint64_t>(delta.v) ? t->slice - static_cast<uint64_t>(delta.v) : 0;
}

// When a slowed CPU's task will have done what remains.
Nanos Kernel::BurstEnd(const Cpu& c) const {
  const int64_t permille = std::min(c.curr->remaining.v, kFarNs) * 1000 - c.curr->progress_permille;
  return c.acct + Nanos{std::max<int64_t>((permille + smt_permille_ - 1) / smt_permille_, 0)};
}

// What it costs a task to find itself on another CPU than before, or on one that others have used.
Nanos Kernel::ArrivalCost(const Task& t, int id) {
  const int from = t.last_run_cpu;
  int64_t kb = t.working_set_kb;
  if (!caches_.empty()) {
    // Another core's cache has nothing of it, whoever used that meanwhile.
    const int64_t missing = caches_[static_cast<size_t>(machine_.CoreOf(id))].Use(t.index, kb);
    kb = from < 0 ? 0 : machine_.CoreOf(from) == machine_.CoreOf(id) ? missing : std::min(kb, machine_.l2_kb);
  }
  if (from < 0) return {0};
  const bool near = machine_.LlcOf(from) == machine_.LlcOf(id);
  Nanos move{0};
  if (from != id) move = near ? machine_.migration_core : machine_.NodeOf(from) == machine_.NodeOf(id) ? machine_.migration_llc : machine_.migration_node;
  const double refill = near ? machine_.refill_ns_per_kb_llc * static_cast<double>(kb)
                             : machine_.refill_ns_per_kb_far * static_cast<double>(t.working_set_kb);
  return move + Nanos{static_cast<int64_t>(refill)};
}

// `context_cpu` takes the lock of a run queue, or of a queue that CPUs share, and pays for waiting. The
// hold is part of the operation that needs it: the last of what the CPU has run up so far, or `ahead`, the
// first of what it will.
void Kernel::Spin(BusyLock& lock, Nanos hold, int context_cpu, bool ahead) {
  const Nanos at = std::max(now_, cpu(context_cpu).acct) + cost_;
  cost_ += lock.Take(now_, ahead ? at : at - hold, hold);
}

// Machine::charge_overhead. At once, although the time is only about to pass.
void Kernel::ChargeOverhead(Task& t, Nanos cost) {
  t.charged += cost;
  if (t.slice != osevolve::kSliceInfinite)
    t.slice = t.slice > static_cast<uint64_t>(cost.v) ? t.slice - static_cast<uint64_t>(cost.v) : 0;
}

void Kernel::ChargeSystemCall(int id, Nanos cost) {
  cost_ += cost;
  cpu(id).in_call = true;
  if (observer_) [[unlikely]] observer_->OnCost(id, CostKind::kSystemCall, cost);
}

// A CPU becomes busy or idle: from now on its sibling is slower or faster.
void Kernel::SlowSibling(int id, bool busy) {
  const int other = machine_.SiblingOf(id);
  if (other == id || !started_) return;
  Cpu& c = cpu(other);
  UpdateCurr(c);
  c.slowed = busy;
  if (c.curr) Rearm(c);
}

}  // namespace ose
