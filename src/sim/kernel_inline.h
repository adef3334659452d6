// The small functions of Kernel that every event goes through, for the files that define the others: a call costs
// more than they do.
#ifndef OSEVOLVE_SIM_KERNEL_INLINE_H_
#define OSEVOLVE_SIM_KERNEL_INLINE_H_

#include <algorithm>

#include "sim/kernel.h"

namespace ose {

inline void Kernel::UpdateCurr(Cpu& c) {
  if (now_ <= c.acct) return;
  if (!plain_progress_) [[unlikely]] return UpdateCurrSlowly(c);
  Nanos delta = now_ - c.acct;
  if (Task* t = c.curr) {
    t->remaining -= delta;
    t->run_total += delta;
    c.totals.useful += delta;
    if (t->slice != osevolve::kSliceInfinite)
      t->slice = t->slice > static_cast<uint64_t>(delta.v) ? t->slice - static_cast<uint64_t>(delta.v) : 0;
  } else {
    c.totals.idle += delta;
  }
  c.acct = now_;
}

inline void Kernel::Pay(int id, Nanos cost) {
  if (cost.v == 0) return;
  Cpu& c = cpu(id);
  UpdateCurr(c);
  if (observer_) [[unlikely]] observer_->OnOverhead(id, std::max(c.acct, now_), cost);
  c.acct = std::max(c.acct, now_) + cost;
  c.totals.overhead += cost;
  if (machine_.charge_overhead && c.curr) ChargeOverhead(*c.curr, cost);
}

inline void Kernel::FlushCost(int id) {
  Nanos cost = cost_;
  cost_ = {0};
  Pay(id, cost);
}

// Idle CPUs beside waiting tasks, integrated over time.
inline void Kernel::NoteWaiting(int delta) {
  int wasted = std::min(nr_waiting_, nr_idle_);
  idle_while_waiting_ += (now_ - waiting_since_) * wasted;
  waiting_since_ = now_;
  nr_waiting_ += delta;
}

inline Nanos Kernel::SliceEnd(const Cpu& c) const {
  const Task& t = *c.curr;
  if (every_tick_) return c.next_tick;
  if (t.slice > static_cast<uint64_t>(INT64_MAX / 4)) return Nanos::Max();  // kSliceInfinite among them
  Nanos used_up = c.acct + Nanos{static_cast<int64_t>(t.slice)};
  if (machine_.tick.v == 0) return std::max(used_up, c.started + machine_.min_slice);
  if (used_up <= c.next_tick) return c.next_tick;
  int64_t ticks = (used_up.v - c.next_tick.v + machine_.tick.v - 1) / machine_.tick.v;
  return c.next_tick + machine_.tick * ticks;
}

inline void Kernel::Rearm(Cpu& c) {
  Nanos next = c.resched_at;
  if (c.curr) {
    next = std::min(next, c.slowed ? BurstEnd(c) : c.acct + c.curr->remaining);
    if (next > now_) next = std::min(next, SliceEnd(c));
  }
  if (next == Nanos::Max()) events_.Cancel(c.id);
  else events_.SetIfMoved(c.id, std::max(next, now_));
}

}  // namespace ose

#endif  // OSEVOLVE_SIM_KERNEL_INLINE_H_
