// LoadRun in the threads of the tasks: their programs. See sim/engine.cc.
#include <sched.h>

#include <algorithm>

#include "load/run.h"
#include "workload/program.h"

namespace ose {

void LoadRun::Perform(LoadTask& t) {
  const std::vector<Op>& program = GroupOf(t).program;
  while (!t.waiter.stopped()) {
    if (t.pc == 0 && !t.pass_open && !BeginPass(t)) return;
    if (t.pc == program.size()) {
      if (!EndPass(t)) return;
      continue;
    }
    const Op& op = program[t.pc++];
    bool on = true;
    switch (op.kind) {
      case OpKind::kRun:
        if (Nanos d = Duration(op, t); d.v > 0) on = Use(t, d);
        break;
      case OpKind::kSleep:
        if (Nanos d = Duration(op, t); d.v > 0) on = SleepUntil(t, Now() + d);
        break;
      case OpKind::kTimer:
        if (op.ns > Now().v) on = SleepUntil(t, {op.ns});
        break;
      case OpKind::kLock:
        on = TakeLock(op.object, t);
        break;
      case OpKind::kUnlock: locks_[op.object].Release(); break;
      case OpKind::kWait:
        if (!semaphores_[op.object].Take(t.waiter)) on = Block(t);
        break;
      case OpKind::kSignal: semaphores_[op.object].Give(op.count); break;
      case OpKind::kBarrier:
        if (!barriers_[op.object].Arrive(t.waiter, w_.barriers[op.object].parties)) on = Block(t);
        break;
      case OpKind::kYield: sched_yield(); break;
      case OpKind::kFork: Fork(static_cast<int>(op.object)); break;
      case OpKind::kPut: on = Pass(t, true, op.object); break;
      case OpKind::kTake: on = Pass(t, false, op.object); break;
      case OpKind::kBegin: {
        const Nanos now = Now();
        BeginEvent(t, t.released ? t.woken_at : now, now);
        break;
      }
      case OpKind::kEnd: on = EndEvent(t); break;
      case OpKind::kLoop: t.loops.push_back({t.pc, op.count}); break;
      case OpKind::kEndLoop:
        if (--t.loops.back().left > 0) t.pc = t.loops.back().start;
        else t.loops.pop_back();
        break;
      case OpKind::kSpin:
        if (Nanos d = Duration(op, t); d.v > 0) on = Spin(t, d);
        break;
      case OpKind::kPeriod: on = SleepPeriod(t, op); break;
      case OpKind::kCondWait:
        conditions_[op.object].Wait(t.waiter, op.count > 0 ? &locks_[op.count - 1] : nullptr);
        on = Block(t) && (op.count == 0 || w_.lock_handover || TakeLock(op.count - 1, t));
        break;
      case OpKind::kCondSignal: conditions_[op.object].Signal(); break;
      case OpKind::kCondBroadcast: conditions_[op.object].Broadcast(); break;
    }
    if (!on) return;
  }
}

// --- Passes and events --------------------------------------------------------------------

bool LoadRun::BeginPass(LoadTask& t) {
  const Group& group = GroupOf(t);
  if (IsOpen(t) && !t.serving && !TakeArrival(t)) return false;
  t.pass_open = true;
  if (group.event == EventKind::kIteration) {
    const Nanos now = Now();
    BeginEvent(t, IsOpen(t) ? t.event_release : t.released ? t.woken_at : now, now);
  }
  return true;
}

bool LoadRun::EndPass(LoadTask& t) {
  const Group& group = GroupOf(t);
  if (group.event == EventKind::kIteration && !EndEvent(t)) return false;
  const Nanos now = Now();
  if (now.v > end_.load(std::memory_order_relaxed)) return false;
  if (t.serving && Measured(t.request_arrival)) {
    // Before the count, which the supervisor reads.
    last_done_.store(now.v, std::memory_order_relaxed);
    if (pending_.fetch_sub(1, std::memory_order_acq_rel) == 1 && now >= w_.horizon) Notify();
  }
  t.pc = 0;
  t.pass_open = false;
  t.serving = false;
  if (group.repeat && !IsOpen(t)) AnnounceWork(t, t.rng);
  if (group.repeat || IsOpen(t)) return true;
  t.exited_at = now;
  if (live_.fetch_sub(1, std::memory_order_acq_rel) == 1) Notify();
  return false;
}

void LoadRun::BeginEvent(LoadTask& t, Nanos release, Nanos now) {
  t.event_open = true;
  t.event_release = release;
  t.event_work_base = t.run_total;
  t.samples.first_start = std::min(t.samples.first_start, now);
  if (Measured(release)) t.samples.start_us.push_back((now - release).us());
}

bool LoadRun::EndEvent(LoadTask& t) {
  if (!t.event_open) return true;
  const Nanos now = Now();
  if (now.v > end_.load(std::memory_order_relaxed)) return false;
  t.event_open = false;
  if (now >= w_.warmup && now <= w_.horizon) {
    ++t.samples.events;
    t.samples.last_finish = now;
  }
  if (!Measured(t.event_release)) return true;
  const double latency = (now - t.event_release).us();
  t.samples.latency_us.push_back(latency);
  if (Nanos work = t.run_total - t.event_work_base; work.v > 0) t.samples.slowdown.push_back(latency / work.us());
  return true;
}

// --- Running and sleeping -----------------------------------------------------------------

bool LoadRun::Use(LoadTask& t, Nanos amount) {
  t.released = false;
  const int64_t used = t.spinner->Use(amount.v, [&] { return Over(t); });
  t.run_total += Nanos{used};
  return used == amount.v;
}

bool LoadRun::Spin(LoadTask& t, Nanos time) {
  const Nanos until = Now() + time;
  do {
    if (!Use(t, kSpinStep) || Over(t)) return false;  // a step is too short for Use() to ask
  } while (Now() < until);
  return true;
}

bool LoadRun::SleepPeriod(LoadTask& t, const Op& op) {
  const Timer& timer = w_.timers[op.object];
  const Nanos now = Now(), due = (timer.shared ? timers_ : t.timers)[op.object].Next({op.ns}, t.first_woken, now, timer.absolute);
  return due <= now || SleepUntil(t, due);
}

// The task has queued itself where it will be found.
bool LoadRun::TakeLock(uint32_t index, LoadTask& t) {
  while (!locks_[index].Acquire(t.waiter)) {
    if (!Block(t)) return false;
    if (w_.lock_handover) return true;
  }
  return true;
}

bool LoadRun::Block(LoadTask& t) {
  ++t.sleeps;
  t.waits.store(t.waits.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  t.blocked_at.store(t.pc + 1, std::memory_order_release);
  const bool woken = t.waiter.Park();
  t.blocked_at.store(0, std::memory_order_release);
  return woken && Resumed(t, Since(t.waiter.woken_at()));
}

bool LoadRun::SleepUntil(LoadTask& t, Nanos due) {
  ++t.sleeps;
  return t.waiter.ParkUntil(origin_ + due.v) && Resumed(t, due);
}

bool LoadRun::Resumed(LoadTask& t, Nanos woken_at) {
  const Nanos now = Now();
  const int64_t end = end_.load(std::memory_order_relaxed);
  if (woken_at.v > end) return false;  // as if it had not been woken
  ++t.wakeups;
  t.woken_at = woken_at;
  t.released = true;
  t.first_woken = std::min(t.first_woken, woken_at);
  if (now.v > end) {
    t.awaits_first_run = true;
    return false;
  }
  ++t.runs;
  if (Measured(woken_at)) t.samples.wakeup_us.push_back((now - woken_at).us());
  return true;
}

bool LoadRun::Pass(LoadTask& t, bool put, uint32_t queue) {
  PipeQueue& q = queues_[queue];
  t.waits.store(t.waits.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  t.blocked_at.store(t.pc + 1, std::memory_order_release);
  const PipeQueue::Passed passed = put ? q.Put(t.waiter) : q.Take(t.waiter);
  t.blocked_at.store(0, std::memory_order_release);
  if (!passed.ok) {
    ++t.sleeps;
    return false;
  }
  if (!passed.slept) return true;
  ++t.sleeps;
  return Resumed(t, Since(passed.woken_at));
}

// --- Beginning ----------------------------------------------------------------------------

bool LoadRun::WaitForStart(LoadTask& t) {
  const Group& group = GroupOf(t);
  Nanos start{0};
  if (group.forked) {
    if (!t.waiter.Park()) return false;
    start = Since(t.waiter.woken_at());
    if (!group.has_start) return Resumed(t, start);
  }
  if (group.has_start) start += Nanos{starts_[static_cast<size_t>(t.group)](t.rng)};
  AnnounceWork(t, t.rng);
  return t.waiter.ParkUntil(origin_ + start.v) && Resumed(t, start);
}

void LoadRun::Fork(int g) {
  const int i = forked_[static_cast<size_t>(g)].fetch_add(1, std::memory_order_relaxed);
  if (i >= w_.groups[static_cast<size_t>(g)].count) {
    forked_[static_cast<size_t>(g)].store(w_.groups[static_cast<size_t>(g)].count, std::memory_order_relaxed);
    return;
  }
  LoadTask& child = tasks_[static_cast<size_t>(first_task_[static_cast<size_t>(g)] + i)];
  live_.fetch_add(1, std::memory_order_acq_rel);
  child.started.store(true, std::memory_order_release);
  if (!GroupOf(child).has_start) AnnounceWork(child, child.rng);
  child.waiter.Wake();
}

// --- Open loop ----------------------------------------------------------------------------

bool LoadRun::TakeArrival(LoadTask& t) {
  t.blocked_at.store(1, std::memory_order_release);
  const OpenLoop::Taken taken = open_[static_cast<size_t>(t.group)].Take(t.index_in_group, [&t] { return t.waiter.stopped(); });
  t.blocked_at.store(0, std::memory_order_release);
  t.sleeps += taken.slept;
  if (!taken.request) return false;
  t.serving = true;
  t.event_release = t.request_arrival = taken.request->arrival;
  t.rng = RequestStream(options_.seed, t.group, taken.request->number);
  if (taken.slept) return Resumed(t, t.request_arrival);
  AnnounceWork(t, t.rng);
  return true;
}

void LoadRun::AnnounceWork(const LoadTask& t, Rng rng) {
  const Group& group = GroupOf(t);
  if (group.hint_is_work && hints_.open()) hints_.Tell(t.tid, WorkHint(group.program, samplers_, rng));
}

}  // namespace ose
