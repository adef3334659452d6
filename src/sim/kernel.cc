#include "sim/kernel_inline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "workload/least_calls.h"

namespace ose {
namespace {

using namespace osevolve;

constexpr int kDispatchMaxLoops = 32;  // SCX_DSP_MAX_LOOPS

size_t Align8(size_t n) { return (n + 7) & ~size_t{7}; }

}  // namespace

// Runs a hook with its context set, charges its cost, and restores the context: an enqueue may
// happen inside a schedule that itself runs inside a wake-up.
template <class F>
void Kernel::CallHook(Hook hook, int cpu, Task* task, F&& f) {
  Hook saved_hook = hook_;
  int saved_cpu = ctx_cpu_;
  Task* saved_task = hook_task_;
  hook_ = hook;
  ctx_cpu_ = cpu;
  hook_task_ = task;
  cost_ += machine_.hook;
  f();
  hook_ = saved_hook;
  ctx_cpu_ = saved_cpu;
  hook_task_ = saved_task;
}

Kernel::Kernel(const Machine& machine, const NativePolicy& policy, EventQueue& events, KernelClient& client,
               int tasks, int timer_source, uint64_t seed)
    : machine_(machine),
      smt_permille_(machine.smt == 2 ? std::llround(machine.smt_speed * 1000) : 1000),
      plain_progress_(smt_permille_ == 1000 && machine.noise.rate_per_s == 0),
      every_tick_((policy.ops().tick || machine.tick_cost.v > 0) && machine.tick.v > 0),
      ops_(policy.ops()),
      events_(events),
      client_(client),
      timer_source_(timer_source),
      rng_(Rng::Stream(seed, 0x706f6c6963790000ULL)),
      cpus_(static_cast<size_t>(machine.cpus)),
      idle_cpus_(machine_),
      global_(kDsqGlobal),
      task_state_stride_(Align8(ops_.task_state_bytes)),
      cpu_state_stride_(Align8(ops_.cpu_state_bytes)) {
  for (size_t s = 0; s < kServices; ++s) service_cost_[s] = machine_.ServiceCost(static_cast<Service>(s));
  for (Service s : {Service::kPickIdle, Service::kSelectDfl})
    service_cost_[static_cast<size_t>(s)] += Nanos{std::llround(machine_.service.pick_ns_per_cpu * machine_.cpus)};
  BindServices();
  if (machine_.dsq_lock_hold.v > 0) global_.lock.MakeRoom();
  task_state_.resize(task_state_stride_ * static_cast<size_t>(tasks));
  cpu_state_.resize(cpu_state_stride_ * cpus_.size());
  self_.resize(Align8(ops_.self_bytes));
  Rng phase = Rng::Stream(seed, 0x7469636b00000000ULL);
  for (int i = 0; i < machine_.cpus; ++i) {
    Cpu& c = cpu(i);
    c.id = i;
    if (machine_.rq_lock_hold.v > 0) c.rq_lock.MakeRoom();
    c.local = Dsq(kDsqLocalOn | static_cast<uint64_t>(i), i);
    // Ticks of different CPUs are not aligned; a seeded phase keeps policies from learning one.
    if (machine_.tick.v > 0) c.next_tick = {static_cast<int64_t>(phase.Below(static_cast<uint64_t>(machine_.tick.v)))};
    if (machine_.l2_kb > 0 && i % machine_.smt == 0) caches_.emplace_back(machine_.l2_kb);
    if (machine_.noise.rate_per_s > 0) noise_.emplace_back(machine_.noise, seed, i);
    SetIdle(i, true);
  }
}

const uint64_t* Kernel::MakeMask(const std::vector<int>& cpus) {
  auto mask = std::make_unique<uint64_t[]>(idle_cpus_.words());
  auto add = [&](int c) { mask[static_cast<size_t>(c) / 64] |= 1ULL << (c % 64); };
  for (int c = 0; cpus.empty() && c < machine_.cpus; ++c) add(c);
  for (int c : cpus)
    if (c >= 0 && c < machine_.cpus) add(c);
  masks_.push_back(std::move(mask));
  return masks_.back().get();
}

void Kernel::Init() {
  started_ = true;
  if (!ops_.init) return;
  int rc = 0;
  CallHook(Hook::kInit, 0, nullptr, [&] { rc = ops_.init(); });
  cost_ = {0};
  if (rc < 0) Fail(Outcome::kRule, fmt::format("init() returned {}: the policy refuses to load", rc));
}

void Kernel::AddTask(Task& t, bool loading) {
  t.state_bytes = task_state_.data() + static_cast<size_t>(t.index) * task_state_stride_;
  int rc = 0;
  if (ops_.init_task) CallHook(Hook::kOther, t.cpu, &t, [&] { rc = ops_.init_task(&t); });
  if (rc < 0) return Fail(Outcome::kRule, fmt::format("init_task({}) returned {}", Name(&t), rc));
  if (ops_.enable) CallHook(Hook::kOther, t.cpu, &t, [&] { ops_.enable(&t); });
  t.enabled = true;
  if (loading) cost_ = {0};
}

void Kernel::Exit() {
  if (ops_.exit && !failed()) CallHook(Hook::kOther, 0, nullptr, [&] { ops_.exit(); });
}

void Kernel::Fail(Outcome outcome, std::string diagnosis) {
  if (failed()) return;
  outcome_ = outcome;
  diagnosis_ = std::move(diagnosis);
}

std::string Kernel::Name(const Task* t) const {
  return fmt::format("{}[{}] (pid {})", group_names.empty() ? "task" : group_names[static_cast<size_t>(t->group)],
                     t->index_in_group, t->pid);
}

void Kernel::BreakRule(const Task* t, const std::string& what) {
  Fail(Outcome::kRule, fmt::format("{}{}on CPU {} at {:.3f} ms: {}", t ? Name(t) : "", t ? ", " : "", ctx_cpu_, now_.ms(), what));
}

// --- Accounting ---------------------------------------------------------------------------

void Kernel::Settle() {
  for (Cpu& c : cpus_) {
    UpdateCurr(c);
    if (c.acct > now_) {  // overhead that lies beyond the end
      c.totals.overhead -= c.acct - now_;
      c.acct = now_;
    }
  }
  NoteWaiting(0);
}

Nanos Kernel::RunTotal(const Task* t) {
  Cpu& c = cpu(t->cpu);
  if (!plain_progress_) [[unlikely]] UpdateCurr(c);
  const Nanos total = t->run_total + t->charged;
  return c.curr == t && now_ > c.acct ? total + (now_ - c.acct) : total;
}

Nanos Kernel::WaitTotal(const Task* t) const {
  return t->state == TaskState::kRunnable ? t->wait_total + (now_ - t->runnable_since) : t->wait_total;
}

// --- Slices, ticks and events of a CPU ----------------------------------------------------

bool Kernel::OnCpuEvent(int id) {
  Cpu& c = cpu(id);
  UpdateCurr(c);
  if (c.curr && c.curr->remaining.v <= 0 && c.acct <= now_) {
    // On its way back from a system call a task gives way to whatever that woke before it does anything else.
    const bool back = std::exchange(c.in_call, false);
    if (!back || c.resched_at > now_) RunOps(c);
  } else if (c.curr && SliceEnd(c) <= now_) {
    Tick(c);
  }
  if (c.resched_at <= now_ && !failed()) {
    // To decide at the instant of an event and to pay afterwards is as good as the real order while what a CPU owes is little.
    // Else it has to do that first: interrupts that come faster than they are handled merge into one.
    if (c.acct - now_ > kMostDebt) [[unlikely]] {
      c.resched_at = c.acct;
    } else {
      if (std::exchange(c.interrupted, false) && c.curr) Interrupt(c);
      Schedule(c);
    }
  }
  // A task that has just been picked and costs nothing to switch to.
  if (c.curr && c.curr->remaining.v <= 0 && c.acct <= now_ && events_.IsNext(id, now_)) return true;
  Rearm(c);
  return false;
}

// A busy CPU leaves its work and comes back: paid with whatever the interrupt leads to.
void Kernel::Interrupt(Cpu& c) {
  cost_ += machine_.interrupt;
  if (observer_ && machine_.interrupt.v > 0) [[unlikely]] observer_->OnCost(c.id, CostKind::kInterrupt, machine_.interrupt);
}

void Kernel::Tick(Cpu& c) {
  if (machine_.tick.v > 0) {
    int64_t passed = (now_.v - c.next_tick.v) / machine_.tick.v + 1;
    c.next_tick += machine_.tick * passed;
    cost_ += machine_.tick_cost;
    if (observer_ && machine_.tick_cost.v > 0) [[unlikely]] observer_->OnCost(c.id, CostKind::kInterrupt, machine_.tick_cost);
  }
  Task* t = c.curr;
  if (machine_.tick.v == 0) Interrupt(c);
  if (ops_.tick) CallHook(Hook::kOther, c.id, t, [&] { ops_.tick(t); });
  FlushCost(c.id);
  if (t->slice == 0) c.resched_at = now_;
}

// The running task has used up its burst: execute what follows.
inline void Kernel::RunOps(Cpu& c) {
  Task* t = c.curr;
  for (;;) {
    Step step = client_.Advance(*t, c.id);
    FlushCost(c.id);
    if (failed()) return;
    if (step == Step::kRun) return;
    if (step == Step::kYield) {
      if (ops_.yield) CallHook(Hook::kOther, c.id, t, [&] { ops_.yield(t); });
      else t->slice = 0;
      c.turn_end = TurnEnd::kYielded;
      FlushCost(c.id);
      c.resched_at = now_;
      return;  // goes on after the next schedule
    }
    // Sleeps or exits (dequeue_task_scx).
    t->state = step == Step::kExit ? TaskState::kExited : TaskState::kSleeping;
    StopCurr(c, false);
    if (ops_.quiescent) CallHook(Hook::kOther, c.id, t, [&] { ops_.quiescent(t, 0); });
    if (step == Step::kExit) {
      if (ops_.disable) CallHook(Hook::kOther, c.id, t, [&] { ops_.disable(t); });
      if (ops_.exit_task) CallHook(Hook::kOther, c.id, t, [&] { ops_.exit_task(t); });
      t->enabled = false;
    }
    c.curr = nullptr;
    dispatch_prev_ = nullptr;
    Balance(c, nullptr);
    StartNext(c, c.local.Front(), t);
    return;
  }
}

// --- Schedule -----------------------------------------------------------------------------

inline void Kernel::Schedule(Cpu& c) {
  c.resched_at = Nanos::Max();
  UpdateCurr(c);
  Task* prev = c.curr;
  bool stays = Balance(c, prev);
  if (failed()) return;
  if (stays) {
    if (prev->slice == 0) prev->slice = kSliceDefault;
    c.turn_end = TurnEnd::kSliceUsedUp;
    FlushCost(c.id);
    return;
  }
  // Chosen before prev is enqueued again: prev does not compete with it, wherever it goes.
  Task* next = c.local.Front();
  if (prev) {
    ++preemptions_;
    prev->state = TaskState::kRunnable;
    StopCurr(c, true);
    c.curr = nullptr;
    Enqueue(*prev, 0, c.id);
    if (failed()) return;
  }
  StartNext(c, next, prev);
}

// balance_one(): leaves something in the local queue if there is work; true if prev stays.
bool Kernel::Balance(Cpu& c, Task* prev) {
  if (prev && prev->slice > 0) return true;
  if (!c.local.empty()) return false;
  if (Task* t = global_.empty() ? nullptr : global_.FirstAllowedOn(c.id)) {
    LockDsq(global_, c.id, true);
    MoveToLocal(global_, t, c);
    return false;
  }
  if (ops_.dispatch) {
    for (int loop = 0;; ++loop) {
      nr_dispatched_ = 0;
      dispatch_prev_ = prev;
      CallHook(Hook::kDispatch, c.id, nullptr, [&] { ops_.dispatch(c.id); });
      dispatch_prev_ = nullptr;
      if (failed()) return false;
      if (prev && prev->slice > 0) return true;
      if (!c.local.empty()) return false;
      if (nr_dispatched_ == 0) break;
      if (loop + 1 == kDispatchMaxLoops) {
        Resched(c.id, c.id);
        break;
      }
    }
  }
  return prev != nullptr;
}

void Kernel::StopCurr(Cpu& c, bool runnable) {
  Task* t = c.curr;
  t->runnable_since = now_;
  if (!runnable) t->in_burst = false;
  if (observer_) [[unlikely]] {
    TurnEnd end = runnable ? c.turn_end : t->state == TaskState::kExited ? TurnEnd::kExited : TurnEnd::kSlept;
    observer_->OnStopping(*t, c.id, now_, end, end == TurnEnd::kPreempted ? c.cut_by : -1);
  }
  if (ops_.stopping) CallHook(Hook::kOther, c.id, t, [&] { ops_.stopping(t, runnable); });
  if (runnable) NoteWaiting(+1);
}

void Kernel::StartNext(Cpu& c, Task* next, Task* prev) {
  if (failed()) return;
  if (!next) {
    GoIdle(c);
    return;
  }
  c.local.Remove(next);
  LockRq(c.id, c.id, true);
  NoteWaiting(-1);
  if (observer_ && c.idle) [[unlikely]] observer_->OnIdle(c.id, now_, false);
  if (c.idle) SetIdle(c.id, false);
  Nanos cost = cost_;
  cost_ = {0};
  if (next != prev) {
    const Nanos one = machine_.context_switch + machine_.sched_ext_switch;
    cost += one;
    ++switches_;
    if (observer_) [[unlikely]] observer_->OnCost(c.id, CostKind::kSwitch, one);
  }
  const bool moved = next->last_run_cpu >= 0 && next->last_run_cpu != c.id;
  migrations_ += moved;
  if (moved || !caches_.empty()) {
    const Nanos arrival = ArrivalCost(*next, c.id);
    cost += arrival;
    if (observer_ && arrival.v > 0) [[unlikely]] observer_->OnCost(c.id, CostKind::kMigration, arrival);
  }
  next->state = TaskState::kRunning;
  next->cpu = c.id;
  next->last_run_cpu = c.id;
  next->wait_total += now_ - next->runnable_since;
  max_wait_ = std::max(max_wait_, now_ - next->runnable_since);
  c.curr = next;
  c.in_call = false;
  if (next->slice == 0) next->slice = kSliceDefault;
  if (ops_.running) CallHook(Hook::kOther, c.id, next, [&] { ops_.running(next); });
  cost += cost_;
  cost_ = {0};
  if (observer_) [[unlikely]] observer_->OnOverhead(c.id, std::max(c.acct, now_), cost);
  c.acct = std::max(c.acct, now_) + cost;
  c.totals.overhead += cost;
  if (machine_.charge_overhead) ChargeOverhead(*next, cost);
  c.started = c.acct;
  c.turn_end = TurnEnd::kSliceUsedUp;
  if (observer_) [[unlikely]] observer_->OnRunning(*next, c.id, now_, c.acct);
  if (machine_.tick.v > 0 && c.next_tick <= now_)
    c.next_tick += machine_.tick * ((now_.v - c.next_tick.v) / machine_.tick.v + 1);
  if (next->awaits_first_run) {
    next->awaits_first_run = false;
    client_.OnWakeupServed(*next, c.acct - next->woken_at);
  }
  // The kernel would reschedule again at once for what became due meanwhile; do it next event.
  if (c.resched_at <= now_) c.resched_at = now_;
}

void Kernel::GoIdle(Cpu& c) {
  if (observer_ && !c.idle) [[unlikely]] observer_->OnIdle(c.id, now_, true);
  SetIdle(c.id, true);
  FlushCost(c.id);
}

void Kernel::SetIdle(int id, bool idle) {
  Cpu& c = cpu(id);
  bool was_idle = c.idle;
  idle_cpus_.Set(id, idle);
  if (was_idle == idle) return;
  NoteWaiting(0);
  if (smt_permille_ < 1000) [[unlikely]] SlowSibling(id, !idle);
  c.idle = idle;
  nr_idle_ += idle ? 1 : -1;
  if (ops_.update_idle && started_) CallHook(Hook::kOther, id, nullptr, [&] { ops_.update_idle(id, idle); });
}

// Tells a CPU to reschedule.
void Kernel::Resched(int target, int context_cpu) {
  Cpu& c = cpu(target);
  // On the CPU itself not before the hooks that asked for it are paid: a policy that kicks its
  // own CPU for ever makes time pass.
  Nanos at = target == context_cpu ? std::max(now_, c.acct + cost_) : now_ + machine_.ipi;
  // A CPU that looks for work in dispatch() is awake, whatever it found before: one that kicks itself there polls.
  const bool awake = !c.idle || (target == context_cpu && hook_ == Hook::kDispatch);
  if (!awake) at += machine_.idle_exit;
  if (target != context_cpu) c.interrupted = !c.idle;
  if (at < c.resched_at) {
    c.resched_at = at;
    Rearm(c);
  }
}

// The first to want something of an idle CPU sends it an interrupt.
void Kernel::WakeCpu(Cpu& c, int context_cpu) {
  if (c.id != context_cpu && c.resched_at == Nanos::Max()) cost_ += machine_.wakeup_idle;
  Resched(c.id, context_cpu);
}

// --- Wake-up and enqueue ------------------------------------------------------------------

void Kernel::Wake(Task& t, int context_cpu, int waker_pid, uint64_t wake_flags) {
  const int context = context_cpu >= 0 ? context_cpu : t.cpu;
  UpdateCurr(cpu(context));
  cost_ += machine_.wakeup;
  if (context_cpu < 0 && machine_.wakeup_irq.v > 0) [[unlikely]] {
    cost_ += machine_.wakeup_irq;
    if (observer_) observer_->OnCost(context, CostKind::kInterrupt, machine_.wakeup_irq);
  }
  const bool is_first = t.state == TaskState::kNew;
  t.state = TaskState::kRunnable;
  t.woken_at = t.runnable_since = now_;
  t.awaits_first_run = t.released = true;
  t.waker_pid = waker_pid;
  ++t.nr_wakeups;
  NoteWaiting(+1);
  if (observer_) [[unlikely]] {
    observer_->OnWakeup(t, now_, context, is_first);
    observer_->OnCost(context, CostKind::kWakeup, machine_.wakeup);
  }

  // select_task_rq_scx()
  int target = t.cpu;
  bool direct = false;
  if (t.nr_allowed > 1) {
    if (ops_.select_cpu) {
      inserted_ = false;
      CallHook(Hook::kSelectCpu, context, &t, [&] { target = ops_.select_cpu(&t, t.cpu, wake_flags); });
      if (failed()) return;
      direct = inserted_;
      if (target < 0 || target >= machine_.cpus)
        return BreakRule(&t, fmt::format("select_cpu() returned CPU {}, which does not exist", target));
    } else {
      bool idle = false;
      ctx_cpu_ = context;
      target = SelectDefault(&t, t.cpu, wake_flags, &idle);
      if (idle) {
        direct = true;
        ddsp_ = {kDsqLocal, kSliceDefault, 0, 0, false};
      }
    }
    if (!AllowedOn(&t, target)) target = FirstAllowed(&t, idle_cpus_.words());  // select_fallback_rq()
  } else if (!AllowedOn(&t, target)) {
    target = FirstAllowed(&t, idle_cpus_.words());
  }
  t.cpu = target;
  LockRq(target, context);
  const uint64_t enq_flags = wake_flags & kWakeFork ? 0 : kEnqWakeup;
  if (ops_.runnable) CallHook(Hook::kOther, context, &t, [&] { ops_.runnable(&t, enq_flags); });
  if (direct) FinishInsert(t, context);
  else Enqueue(t, enq_flags, context);
  if (failed()) return;
  if (cpu(target).idle) WakeCpu(cpu(target), context);  // wakeup_preempt() on an idle CPU
  // What was free changed nothing about when the CPU goes on.
  if (cost_.v == 0 && plain_progress_) return;
  FlushCost(context);
  Rearm(cpu(context));
}

// do_enqueue_task(): the policy must hand the task to a queue.
void Kernel::Enqueue(Task& t, uint64_t flags, int context_cpu) {
  if (!ops_.enqueue) {
    ctx_cpu_ = context_cpu;
    Insert(&t, global_, kSliceDefault, 0, false, 0);
    return;
  }
  inserted_ = false;
  CallHook(Hook::kEnqueue, context_cpu, &t, [&] { ops_.enqueue(&t, flags); });
  if (failed()) return;
  if (inserted_) return FinishInsert(t, context_cpu);
  ctx_cpu_ = context_cpu;
  BreakRule(&t, "enqueue() ended without inserting the task into a queue: it is lost and would never run; "
                "insert it exactly once on every path");
}

void Kernel::FinishInsert(Task& t, int context_cpu) {
  ctx_cpu_ = context_cpu;
  hook_task_ = &t;
  Dsq* q = ddsp_.dsq == kDsqLocal ? &cpu(t.cpu).local : FindDsq(ddsp_.dsq, "inserted into");
  if (q) Insert(&t, *q, ddsp_.slice, ddsp_.vtime, ddsp_.use_vtime, ddsp_.flags);
}

void Kernel::Insert(Task* t, Dsq& q, uint64_t slice, uint64_t vtime, bool use_vtime, uint64_t flags) {
  if (q.home_cpu >= 0 && !AllowedOn(t, q.home_cpu))
    return BreakRule(t, fmt::format("inserted into the local queue of CPU {}, which its affinity forbids", q.home_cpu));
  if (!q.empty() && q.is_vtime() != use_vtime)
    return BreakRule(t, fmt::format("queue {} already holds {} tasks: a queue is FIFO or vtime-ordered, never both", q.id,
                                    q.is_vtime() ? "vtime" : "FIFO"));
  // scx_bpf_dsq_insert(): 0 keeps what is left.
  if (slice > 0) t->slice = slice;
  else if (t->slice == 0) t->slice = 1;
  if (use_vtime) {
    t->vtime = vtime;
    q.PushVtime(t, vtime);
  } else {
    q.PushFifo(t, (flags & (kEnqHead | kEnqPreempt)) != 0);
  }
  if (observer_) [[unlikely]] observer_->OnQueued(*t, now_);
  if (q.home_cpu < 0) return LockDsq(q, ctx_cpu_);
  Cpu& c = cpu(q.home_cpu);
  const int before = std::exchange(t->cpu, q.home_cpu);
  if (q.home_cpu != ctx_cpu_) {
    cost_ += machine_.remote;
    if (q.home_cpu != before) LockRq(q.home_cpu, ctx_cpu_);  // the kernel changes to that run queue
  }
  if (c.idle) {
    WakeCpu(c, ctx_cpu_);
  } else if ((flags & kEnqPreempt) && c.curr && c.curr != t) {
    Preempt(c);
    Resched(c.id, ctx_cpu_);
  }
}

void Kernel::Preempt(Cpu& c) {
  UpdateCurr(c);
  if (c.curr->slice > 0) {
    c.turn_end = TurnEnd::kPreempted;
    c.cut_by = ctx_cpu_;
  }
  c.curr->slice = 0;
}

void Kernel::MoveToLocal(Dsq& from, Task* t, Cpu& to) {
  from.Remove(t);
  t->cpu = to.id;
  to.local.PushFifo(t, false);
  if (observer_) [[unlikely]] observer_->OnMoved(*t, now_);
}

void Kernel::OnPolicyTimer() {
  events_.Cancel(timer_source_);
  if (ops_.timer) CallHook(Hook::kOther, 0, nullptr, [&] { ops_.timer(); });
  FlushCost(0);
  Rearm(cpu(0));
}

}  // namespace ose
