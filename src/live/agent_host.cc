#include "live/agent_host.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/exit_code.h"
#include "native/services.h"

namespace ose {
namespace {

using namespace osevolve;

constexpr int kDispatchMaxLoops = 32;  // SCX_DSP_MAX_LOOPS
const Nanos kTooLate = Nanos::Millis(20);  // older events tell less than the table
constexpr int kMostAsks = 1024;        // per event: a policy that kicks in dispatch() for ever is stopped here

size_t Align8(size_t n) { return (n + 7) & ~size_t{7}; }

Nanos Of(unsigned long long ns) { return {static_cast<int64_t>(ns)}; }

}  // namespace

template <class F>
void AgentHost::Call(Hook hook, int on, Task* task, F&& f) {
  const Hook saved_hook = hook_;
  const int saved_cpu = ctx_cpu_;
  Task* saved_task = hook_task_;
  hook_ = hook;
  ctx_cpu_ = on;
  hook_task_ = task;
  f();
  hook_ = saved_hook;
  ctx_cpu_ = saved_cpu;
  hook_task_ = saved_task;
}

AgentHost::AgentHost(const OsvPolicy& ops, AgentMachine machine, int slots, AgentLink& link, uint64_t seed)
    : ops_(ops),
      machine_(std::move(machine)),
      link_(link),
      rng_(Rng::Stream(seed, 0x6167656e74000000ULL)),
      tasks_(static_cast<size_t>(slots)),
      cpus_(static_cast<size_t>(machine_.cpus)),
      idle_(machine_),
      global_(kDsqGlobal),
      task_stride_(Align8(ops.task_state_bytes)),
      cpu_stride_(Align8(ops.cpu_state_bytes)) {
  current_host<AgentHost> = this;
  ops_.bind(&kHostServices<AgentHost>);
  task_state_.resize(task_stride_ * tasks_.size());
  cpu_state_.resize(cpu_stride_ * cpus_.size());
  self_.resize(Align8(ops_.self_bytes));
  for (size_t i = 0; i < tasks_.size(); ++i) tasks_[i].state_bytes = task_state_.data() + i * task_stride_;
  for (int c = 0; c < machine_.cpus; ++c) {
    cpu(c).id = c;
    cpu(c).local = Dsq(kDsqLocalOn | static_cast<uint64_t>(c), c);
  }
}

AgentHost::~AgentHost() { current_host<AgentHost> = nullptr; }

Status AgentHost::Start() {
  if (!ops_.init) return {};
  int rc = 0;
  Call(Hook::kInit, 0, nullptr, [&] { rc = ops_.init(); });
  if (rc < 0) BreakRule(nullptr, fmt::format("init() returned {}: the policy refuses to load", rc));
  if (failed()) return Error{kExitPolicyRule, diagnosis_};
  return {};
}

void AgentHost::Exit() {
  if (ops_.exit && !failed()) Call(Hook::kOther, 0, nullptr, [&] { ops_.exit(); });
}

void AgentHost::BreakRule(const Task* t, const std::string& what) {
  if (failed()) return;
  diagnosis_ = fmt::format("{}on CPU {}: {}", t ? fmt::format("pid {}, ", t->pid) : "", ctx_cpu_, what);
}

// --- Tasks come and go ------------------------------------------------------------------------------------

void AgentHost::Refresh(Task& t, const agent_task& view) {
  t.comm = view.comm;
  t.tgid = view.tgid;
  t.nr_allowed = static_cast<int>(view.nr_allowed);
  std::copy(std::begin(view.allowed), std::end(view.allowed), t.mask);
  t.run_total = Of(view.run_total);
  t.wait_total = Of(view.wait_total);
  t.nr_wakeups = view.nr_wakeups;
  t.waker_pid = view.waker;
  t.nr = view.nr;
}

void AgentHost::Adopt(Task& t, const agent_task& view) {
  memset(t.state_bytes, 0, task_stride_);
  t.pid = view.pid;
  t.identity = view.task;
  t.weight = view.weight;
  t.vtime = t.slice = t.seq = 0;
  t.runnable = t.keeps_on = t.unsent = t.enabled = false;
  t.cpu = Clamp(view.cpu);
  t.where = Where::kAsleep;
  Refresh(t, view);
  int rc = 0;
  if (ops_.init_task) Call(Hook::kOther, t.cpu, &t, [&] { rc = ops_.init_task(&t); });
  if (rc < 0) return BreakRule(&t, fmt::format("init_task() returned {}", rc));
  if (!view.enabled) return;
  t.enabled = true;
  if (ops_.enable) Call(Hook::kOther, t.cpu, &t, [&] { ops_.enable(&t); });
}

void AgentHost::Drop(Task& t) {
  if (t.where == Where::kNowhere) return;
  if (t.where == Where::kOnCpu || t.keeps_on) OnStopping(t, false);
  if (t.runnable) OnQuiescent(t, 0);
  if (t.enabled && ops_.disable) Call(Hook::kOther, t.cpu, &t, [&] { ops_.disable(&t); });
  if (ops_.exit_task) Call(Hook::kOther, t.cpu, &t, [&] { ops_.exit_task(&t); });
  t.enabled = false;
  t.where = Where::kNowhere;
}

void AgentHost::Resync() {
  synced_at_ = cause_ = link_.Now();
  const int slots = static_cast<int>(tasks_.size());
  for (int slot = 0; slot < slots; slot += 64) {
    uint64_t look = link_.Used(slot / 64);
    for (int i = 0; i < 64 && slot + i < slots; ++i)
      if (tasks_[static_cast<size_t>(slot + i)].where != Where::kNowhere) look |= 1ULL << i;
    for (; look; look &= look - 1) {
      if (failed()) return;
      Sync(slot + std::countr_zero(look));
    }
  }
  for (Cpu& c : cpus_)
    if (!c.curr) AskFor(c, Ask::kIdle);
  Settle();
}

void AgentHost::Sync(int slot) {
  const agent_task view = link_.Look(slot);
  Task& t = tasks_[static_cast<size_t>(slot)];
  if (t.identity != view.task) Drop(t);
  if (view.task == 0) return;
  if (t.where == Where::kNowhere) Adopt(t, view);
  else Refresh(t, view);
  if (!failed() && !view.bypass) Match(t, view);
}

// The table says where a task is; the hooks in between are called.
void AgentHost::Match(Task& t, const agent_task& view) {
  const int on = Clamp(view.cpu);
  switch (view.state) {
    case kTaskOnCpu:
      if (t.where != Where::kOnCpu || t.cpu != on) OnRunning(t, on);
      break;
    case kTaskWaiting:
      if (t.seq == view.seq && (t.where == Where::kQueued || t.where == Where::kPlaced)) break;
      if (t.where == Where::kOnCpu) OnStopping(t, true);
      LeaveQueue(t);
      t.seq = view.seq;
      t.cpu = on;
      if (t.keeps_on) OnStopping(t, true);
      if (!t.runnable) BecomeRunnable(t, kEnqWakeup, on);
      Enqueue(t, 0, on);
      break;
    case kTaskPlaced:
      if (t.where == Where::kPlaced || t.where == Where::kCutOff) break;
      if (t.where == Where::kOnCpu) OnStopping(t, true);
      LeaveQueue(t);
      t.cpu = on;
      if (!t.runnable) BecomeRunnable(t, kEnqWakeup, on);
      t.where = Where::kCutOff;
      break;
    default:
      if (t.where == Where::kOnCpu) OnStopping(t, false);
      if (t.runnable) OnQuiescent(t, 0);
  }
}

int AgentHost::CountUnplaced() {
  int unplaced = 0;
  for (int slot = 0; slot < static_cast<int>(tasks_.size()); slot += 64) {
    for (uint64_t look = link_.Used(slot / 64); look; look &= look - 1) {
      const int i = slot + std::countr_zero(look);
      const agent_task view = link_.Look(i);
      const Task& t = tasks_[static_cast<size_t>(i)];
      // With another number its event is on its way.
      unplaced += view.task != 0 && !view.bypass && view.state == kTaskWaiting && view.nr == t.nr && !t.dsq;
    }
  }
  return unplaced;
}

// --- Events -----------------------------------------------------------------------------------------------

void AgentHost::Handle(const agent_event& e) {
  if (failed()) return;
  cause_ = Of(e.time);
  if (e.kind == kEventResync || (link_.Now() - cause_ > kTooLate && cause_ >= synced_at_)) Resync();
  if (e.kind == kEventResync || failed()) return;
  if (e.kind == kEventIdle) {
    Cpu& c = cpu(e.cpu);
    if (Of(e.time) < synced_at_) return;
    if (c.curr && c.curr->where == Where::kOnCpu) OnStopping(*c.curr, true);  // whose end was not reported
    AskFor(c, Ask::kIdle);
    return Settle();
  }
  Task& t = tasks_[static_cast<size_t>(e.pid) & (tasks_.size() - 1)];
  const bool known = t.where != Where::kNowhere && t.pid == e.pid;
  if (known && static_cast<int32_t>(e.nr - t.nr) <= 0) return;
  if (e.kind == kEventInit || !known) {
    const int slot = e.pid & static_cast<int>(tasks_.size() - 1);
    agent_task view = link_.Look(slot);
    if (view.task == 0 || view.pid != e.pid) return;
    if (e.kind != kEventInit && view.nr != e.nr) {  // more has happened to it than this
      Sync(slot);
      return Settle();
    }
    if (t.identity != view.task) Drop(t);
    if (e.kind == kEventInit) view.enabled = 0;  // its own event
    if (t.where == Where::kNowhere) Adopt(t, view);
    t.nr = e.nr;
    if (e.kind == kEventInit || failed()) return;
  }
  t.nr = e.nr;
  t.run_total = Of(e.run_total);
  t.wait_total = Of(e.wait_total);
  switch (e.kind) {
    case kEventEnable:
      if (t.enabled) break;
      t.enabled = true;
      t.weight = link_.Look(e.pid & static_cast<int>(tasks_.size() - 1)).weight;
      if (ops_.enable) Call(Hook::kOther, e.here, &t, [&] { ops_.enable(&t); });
      break;
    case kEventDisable:
      if (!t.enabled) break;
      t.enabled = false;
      if (ops_.disable) Call(Hook::kOther, e.here, &t, [&] { ops_.disable(&t); });
      break;
    case kEventExit: Drop(t); break;
    case kEventEnqueue: OnEnqueue(t, e); break;
    case kEventRunning:
      t.slice = e.slice;
      OnRunning(t, Clamp(e.cpu));
      break;
    case kEventStopping:
      if (t.keeps_on && (e.arg & 1)) break;
      t.slice = e.slice;
      if (t.where != Where::kOnCpu && !t.keeps_on) OnRunning(t, Clamp(e.cpu));
      if ((e.arg & 2) && ops_.yield) Call(Hook::kOther, t.cpu, &t, [&] { ops_.yield(&t); });
      OnStopping(t, e.arg & 1);
      break;
    case kEventQuiescent:
      if (t.where == Where::kOnCpu || t.keeps_on) OnStopping(t, false);
      if (t.runnable) OnQuiescent(t, e.flags);
      if (!cpu(e.cpu).curr) AskFor(cpu(e.cpu), Ask::kVacant);
      break;
    case kEventTick:
      if (t.where != Where::kOnCpu) break;
      t.slice = e.slice;
      if (ops_.tick) Call(Hook::kOther, t.cpu, &t, [&] { ops_.tick(&t); });
      if (e.arg) AskFor(cpu(t.cpu), Ask::kTurnEnds);
      break;
    case kEventTurnOver: OnTurnOver(t, Clamp(e.cpu), e.arg != 0); break;
    case kEventWeight:
      t.weight = static_cast<uint32_t>(e.arg);
      if (ops_.set_weight) Call(Hook::kOther, e.here, &t, [&] { ops_.set_weight(&t, t.weight); });
      break;
    case kEventCpumask: {
      const agent_task view = link_.Look(e.pid & static_cast<int>(tasks_.size() - 1));
      if (view.task != t.identity) break;
      std::copy(std::begin(view.allowed), std::end(view.allowed), t.mask);
      t.nr_allowed = static_cast<int>(view.nr_allowed);
      if (ops_.set_cpumask) Call(Hook::kOther, e.here, &t, [&] { ops_.set_cpumask(&t); });
      break;
    }
    case kEventRejected:
      if (t.where == Where::kPlaced && t.seq == e.seq) Send(t);
      break;
    default: break;  // a newer shim's
  }
  Settle();
}

void AgentHost::OnEnqueue(Task& t, const agent_event& e) {
  t.seq = e.seq;
  if (t.keeps_on) {
    Place(t, cpu(t.cpu), t.slice, kEnqHead);
    return;
  }
  if (t.where == Where::kOnCpu) OnStopping(t, true);
  LeaveQueue(t);
  t.cpu = Clamp(e.cpu);
  if (e.flags & kEnqWakeup) {
    ++t.nr_wakeups;
    t.waker_pid = e.arg;
  }
  if (t.runnable) return Enqueue(t, e.flags, e.here);

  // select_task_rq_scx()
  inserted_ = false;
  bool direct = false;
  if (e.wake && t.nr_allowed > 1) {
    int target = t.cpu;
    if (ops_.select_cpu) {
      Call(Hook::kSelectCpu, e.here, &t, [&] { target = ops_.select_cpu(&t, t.cpu, e.wake - 1); });
      if (failed()) return;
      direct = inserted_;
      if (target < 0 || target >= machine_.cpus) return BreakRule(&t, fmt::format("select_cpu() returned CPU {}, which does not exist", target));
    } else {
      target = SelectDefault(&t, t.cpu, 0, &direct);
      if (direct) insert_ = {kDsqLocal, kSliceDefault, 0, 0, false};
    }
    t.cpu = AllowedOn(&t, target) ? target : FirstAllowed(&t, idle_.words());
  }
  BecomeRunnable(t, e.flags, e.here);
  if (direct) FinishInsert(t);
  else Enqueue(t, e.flags, e.here);
  if (!cpu(t.cpu).curr) AskFor(cpu(t.cpu), Ask::kVacant);
}

void AgentHost::BecomeRunnable(Task& t, uint64_t flags, int here) {
  t.runnable = true;
  if (ops_.runnable) Call(Hook::kOther, here, &t, [&] { ops_.runnable(&t, flags); });
}

// do_enqueue_task(): the policy must hand the task to a queue.
void AgentHost::Enqueue(Task& t, uint64_t flags, int here) {
  inserted_ = false;
  if (ops_.enqueue) {
    Call(Hook::kEnqueue, here, &t, [&] { ops_.enqueue(&t, flags); });
    if (failed()) return;
    if (!inserted_) return BreakRule(&t, "enqueue() ended without inserting the task into a queue: it is lost and would never run; insert it exactly once on every path");
  } else {
    insert_ = {kDsqGlobal, kSliceDefault, 0, 0, false};
  }
  FinishInsert(t);
}

void AgentHost::FinishInsert(Task& t) {
  Dsq* q = insert_.dsq == kDsqLocal ? &cpu(t.cpu).local : FindDsq(insert_.dsq, "inserted into");
  if (!q) return;
  const uint64_t slice = insert_.slice > 0 ? insert_.slice : t.slice > 0 ? t.slice : 1;
  if (q->home_cpu >= 0) {
    if (!AllowedOn(&t, q->home_cpu))
      return BreakRule(&t, fmt::format("inserted into the local queue of CPU {}, which its affinity forbids", q->home_cpu));
    return Place(t, cpu(q->home_cpu), slice, insert_.flags);
  }
  if (!q->empty() && q->is_vtime() != insert_.use_vtime)
    return BreakRule(&t, fmt::format("queue {} already holds {} tasks: a queue is FIFO or vtime-ordered, never both", q->id, q->is_vtime() ? "vtime" : "FIFO"));
  t.slice = slice;
  t.where = Where::kQueued;
  if (insert_.use_vtime) {
    t.vtime = insert_.vtime;
    q->PushVtime(&t, t.vtime);
  } else {
    q->PushFifo(&t, (insert_.flags & (kEnqHead | kEnqPreempt)) != 0);
  }
}

// Into a CPU's local queue, here and in the kernel.
void AgentHost::Place(Task& t, Cpu& c, uint64_t slice, uint64_t flags) {
  if (t.dsq) t.dsq->Remove(&t);
  t.slice = slice;
  t.cpu = c.id;
  t.where = Where::kPlaced;
  t.place_flags = flags & (kEnqHead | kEnqPreempt);
  c.local.PushFifo(&t, t.place_flags != 0);
  idle_.Set(c.id, false);
  Send(t);
}

void AgentHost::Send(Task& t) {
  agent_decision d{};
  d.kind = kDecideRun;
  d.pid = t.pid;
  d.seq = t.seq;
  d.slice = t.slice;
  d.flags = t.place_flags;
  d.asked = static_cast<uint64_t>(cause_.v);
  d.cpu = t.cpu;
  if (link_.Send(d)) return;
  t.unsent = true;
  ++unsent_;
  ++deferred_;
}

void AgentHost::SendSlice(const Task& t) {
  agent_decision d{};
  d.kind = kDecideSlice;
  d.pid = t.pid;
  d.slice = t.slice;
  d.cpu = t.cpu;
  if (!link_.Send(d)) ++deferred_;  // it keeps the slice that it has
}

void AgentHost::Flush() {
  if (unsent_ == 0) return;
  for (Cpu& c : cpus_) {
    for (Task* t = c.local.Front(); t; t = t->next) {
      if (!t->unsent) continue;
      t->unsent = false;
      --unsent_;
      const uint64_t before = deferred_;
      Send(*t);
      if (deferred_ != before) return;
    }
  }
}

void AgentHost::LeaveQueue(Task& t) {
  if (!t.dsq) return;
  const int home = t.dsq->home_cpu;
  t.dsq->Remove(&t);
  if (t.unsent) --unsent_;
  t.unsent = false;
  t.where = Where::kCutOff;
  if (home >= 0 && !cpu(home).curr) AskFor(cpu(home), Ask::kIdle);  // what was decided for it has gone elsewhere
}

void AgentHost::OnRunning(Task& t, int on) {
  Cpu& c = cpu(on);
  if (t.where == Where::kOnCpu && c.curr != &t) OnStopping(t, true);
  if (c.curr && c.curr != &t) OnStopping(*c.curr, true);  // whose end was not reported, or that did not go on after all
  c.curr = &t;  // before leaving the queue: this CPU has work
  const bool goes_on = t.keeps_on && t.cpu == on;
  LeaveQueue(t);
  t.cpu = on;
  if (!t.runnable) BecomeRunnable(t, 0, on);
  t.keeps_on = false;
  t.where = Where::kOnCpu;
  SetIdle(c, false);
  if (!goes_on && ops_.running) Call(Hook::kOther, on, &t, [&] { ops_.running(&t); });
}

void AgentHost::OnStopping(Task& t, bool runnable) {
  Cpu& c = cpu(t.cpu);
  if (c.curr == &t) c.curr = nullptr;
  t.keeps_on = false;
  if (!t.dsq) t.where = runnable ? Where::kCutOff : Where::kAsleep;
  if (ops_.stopping) Call(Hook::kOther, t.cpu, &t, [&] { ops_.stopping(&t, runnable); });
}

void AgentHost::OnQuiescent(Task& t, uint64_t flags) {
  LeaveQueue(t);
  t.runnable = false;
  t.where = Where::kAsleep;
  if (ops_.quiescent) Call(Hook::kOther, t.cpu, &t, [&] { ops_.quiescent(&t, flags); });
}

void AgentHost::OnTurnOver(Task& t, int on, bool yielded) {
  if (t.where != Where::kOnCpu || t.cpu != on) OnRunning(t, on);
  t.slice = yielded ? 1 : 0;
  Cpu& c = cpu(on);
  if (yielded && ops_.yield) {
    t.slice = kSliceDefault;
    Call(Hook::kOther, on, &t, [&] { ops_.yield(&t); });
    if (c.ask != Ask::kNo) --asking_;  // it said so with slice 0
    c.ask = Ask::kNo;
    if (t.slice > 0) {  // it may go on
      t.keeps_on = true;
      return;
    }
  }
  AskFor(c, yielded ? Ask::kYielded : Ask::kTurnOver);
}

// --- CPUs -------------------------------------------------------------------------------------------------

void AgentHost::AskFor(Cpu& c, Ask ask) {
  if (c.ask == Ask::kNo) ++asking_;
  c.ask = std::max(c.ask, ask);
}

// Asks the policy for what CPUs shall run next, until none is left that needs to know.
void AgentHost::Settle() {
  for (int n = 0; asking_ > 0 && n < kMostAsks;) {
    for (Cpu& c : cpus_) {
      if (c.ask == Ask::kNo) continue;
      const Ask ask = c.ask;
      c.ask = Ask::kNo;
      --asking_;
      ++n;
      if (failed()) return;
      if (!Dispatch(c, ask)) AskedInVain(c, ask);
    }
  }
}

// balance_one(): true when the local queue has something.
bool AgentHost::Dispatch(Cpu& c, Ask ask) {
  if (c.curr && ask < Ask::kTurnEnds) return true;  // it has found work meanwhile
  if (!c.curr && ask > Ask::kIdle) ask = Ask::kVacant;
  if (!c.local.empty()) {
    if (ask == Ask::kTurnOver && c.curr) {  // kicked: what waits there is next
      c.curr->slice = 0;
      SendSlice(*c.curr);
    }
    return true;
  }
  place_flags_ = ask == Ask::kTurnOver ? kEnqPreempt : 0;
  keep_slice_ = 0;
  for (int loop = 0; loop < kDispatchMaxLoops; ++loop) {
    if (Task* t = global_.FirstAllowedOn(c.id)) {
      Place(*t, c, t->slice, place_flags_);
      return true;
    }
    if (!ops_.dispatch) return false;
    moved_ = 0;
    Call(Hook::kDispatch, c.id, nullptr, [&] { ops_.dispatch(c.id); });
    if (failed() || !c.local.empty()) return true;
    if (moved_ == 0) return false;
  }
  return false;
}

// The CPU's task goes on, or it idles.
void AgentHost::AskedInVain(Cpu& c, Ask ask) {
  if (!c.curr) {
    if (ask == Ask::kIdle || c.idle) {
      idle_.Set(c.id, true);
      SetIdle(c, true);
    }
    return;
  }
  Task& t = *c.curr;
  t.slice = keep_slice_ ? keep_slice_ : kSliceDefault;
  if (ask == Ask::kYielded) t.keeps_on = true;  // sent when it comes to enqueue
  else SendSlice(t);
}

void AgentHost::SetIdle(Cpu& c, bool idle) {
  if (!idle) idle_.Set(c.id, false);
  if (c.idle == idle) return;
  c.idle = idle;
  if (ops_.update_idle) Call(Hook::kOther, c.id, nullptr, [&] { ops_.update_idle(c.id, idle); });
}

void AgentHost::RunTimer() {
  if (timer_at_ == Nanos::Max() || link_.Now() < timer_at_ || failed()) return;
  cause_ = timer_at_;
  timer_at_ = Nanos::Max();
  if (ops_.timer) Call(Hook::kOther, 0, nullptr, [&] { ops_.timer(); });
  Settle();
}

}  // namespace ose
