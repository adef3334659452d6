// What the services of policy.h do on the simulated kernel: queues, idle CPUs, kicks, slices.
// (native/services.h is the C ABI in front of it, kernel.cc the scheduling around it.)
#include <fmt/format.h>

#include <algorithm>

#include "sim/charged_services.h"
#include "sim/kernel_inline.h"

// After what completes the type of a task.
#include "native/services.h"

namespace ose {
namespace {

using namespace osevolve;

constexpr uint64_t kEnqInternalMask = 0xffULL << 56;  // __SCX_ENQ_INTERNAL_MASK
constexpr int kErrInval = -22;

}  // namespace

// Here, where the services are defined, so that the table's functions are compiled with them inline.
void Kernel::BindServices() {
  current_host<Kernel> = this;
  ops_.bind(ServicesAreFree(machine_) ? &kHostServices<Kernel> : &kChargedServices);
}

Kernel::~Kernel() { current_host<Kernel> = nullptr; }

// Any queue but kDsqLocal; breaks the rule and returns null when it does not exist.
Dsq* Kernel::FindDsq(uint64_t id, const char* what) {
  if (Dsq* q = id >> 63 ? nullptr : user_dsqs_.Find(id)) [[likely]] return q;
  if (id == kDsqGlobal) return &global_;
  if ((id & kDsqLocalOn) == kDsqLocalOn) {
    auto c = static_cast<uint32_t>(id);
    if (c < static_cast<uint32_t>(machine_.cpus)) return &cpu(static_cast<int>(c)).local;
    BreakRule(hook_task_, fmt::format("{} the local queue of CPU {}, which does not exist", what, c));
    return nullptr;
  }
  BreakRule(hook_task_, fmt::format("{} queue {}, which does not exist; make it with dsq_create() in init()", what, id));
  return nullptr;
}

int Kernel::DsqCreate(uint64_t id) {
  if (hook_ != Hook::kInit) {
    BreakRule(nullptr, "dsq_create() outside init() (the kernel: program must be sleepable)");
    return kErrInval;
  }
  const int result = user_dsqs_.Create(id);
  if (result == 0 && machine_.dsq_lock_hold.v > 0) user_dsqs_.Find(id)->lock.MakeRoom();
  return result;
}

void Kernel::DsqInsert(Task* t, uint64_t id, uint64_t slice, uint64_t vtime, bool use_vtime, uint64_t flags) {
  if (failed()) return;
  Charge(use_vtime ? Service::kDsqInsertVtime : Service::kDsqInsert);
  if (hook_ != Hook::kEnqueue && hook_ != Hook::kSelectCpu)
    return BreakRule(t, "insert() outside enqueue() and select_cpu()");
  if (t != hook_task_) return BreakRule(t, "insert() of another task than the one the hook was called for");
  if (inserted_) return BreakRule(t, "insert() of a task that has already been inserted (already direct-dispatched)");
  if (flags & kEnqInternalMask) return BreakRule(t, fmt::format("insert() with invalid enq_flags {:#x}: the upper 8 bits are the kernel's", flags));
  if (use_vtime && id >= kDsqGlobal) return BreakRule(t, "insert_vtime() into a built-in queue: those are FIFO");
  // Done when the hook has returned (direct_dispatch()): until then the task is in no queue.
  inserted_ = true;
  ddsp_ = {id, slice, vtime, flags, use_vtime};
}

bool Kernel::DsqMoveToLocal(uint64_t id) {
  if (failed()) return false;
  if (hook_ != Hook::kDispatch) {
    BreakRule(hook_task_, "dsq_move_to_local() outside dispatch()");
    return false;
  }
  Dsq* q = id == kDsqLocal ? nullptr : FindDsq(id, "dsq_move_to_local() from");
  if (!q) {
    if (id == kDsqLocal) BreakRule(nullptr, "dsq_move_to_local() from a local queue");
    return false;
  }
  if (q->home_cpu >= 0) {
    BreakRule(nullptr, "dsq_move_to_local() from a local queue");
    return false;
  }
  if (q->empty()) {
    Charge(Service::kDsqEmpty);
    return false;
  }
  Charge(Service::kDsqMove);
  LockDsq(*q, ctx_cpu_);
  Task* t = q->FirstAllowedOn(ctx_cpu_);
  if (!t) return false;
  MoveToLocal(*q, t, cpu(ctx_cpu_));
  ++nr_dispatched_;
  return true;
}

void Kernel::KeepRunning(uint64_t slice) {
  if (hook_ != Hook::kDispatch) return BreakRule(hook_task_, "keep_running() outside dispatch()");
  if (dispatch_prev_) dispatch_prev_->slice = slice;
}

const Dsq* Kernel::PeekDsq(uint64_t id) {
  if (id == kDsqLocal) return &cpu(ctx_cpu_).local;
  if (id == kDsqGlobal) return &global_;
  if ((id & kDsqLocalOn) == kDsqLocalOn) {
    auto c = static_cast<uint32_t>(id);
    return c < static_cast<uint32_t>(machine_.cpus) ? &cpu(static_cast<int>(c)).local : nullptr;
  }
  return id >> 63 ? nullptr : user_dsqs_.Find(id);
}

int Kernel::RunningPid(int id) const {
  const Task* t = cpus_[static_cast<size_t>(Clamp(id))].curr;
  return t ? t->pid : 0;
}

bool Kernel::IsIdle(int id) const { return id >= 0 && id < machine_.cpus && idle_cpus_.Has(id); }

void Kernel::ChargeFor(Service s, int id) {
  Charge(s);
  id = Clamp(id);
  if (id == ctx_cpu_) return;
  cost_ += machine_.LlcOf(id) == machine_.LlcOf(ctx_cpu_) ? machine_.service.remote : machine_.service.remote_far;
}

bool Kernel::ClaimIdle(int id) {
  ChargeFor(Service::kClaimIdle, id);
  return IsIdle(id) && idle_cpus_.Claim(id);
}

int Kernel::PickIdle(const Task* t, int near, uint32_t domain, uint64_t flags) {
  Charge(Service::kPickIdle);
  return idle_cpus_.Pick(t, Clamp(near), domain, flags);
}

int Kernel::SelectDefault(const Task* t, int prev, uint64_t wake_flags, bool* idle) {
  Charge(Service::kSelectDfl);
  prev = Clamp(prev);
  // The waker is about to sleep: its CPU takes the task over while others idle, unless tasks wait for it.
  if (wake_flags & kWakeSync) {
    *idle = true;
    if (machine_.LlcOf(ctx_cpu_) == machine_.LlcOf(prev) && AllowedOn(t, prev) && idle_cpus_.Claim(prev)) return prev;
    if (idle_cpus_.Any() && cpu(ctx_cpu_).local.empty() && AllowedOn(t, ctx_cpu_)) return ctx_cpu_;
  }
  return idle_cpus_.SelectDefault(t, prev, idle);
}

void Kernel::Kick(int id, uint64_t flags) {
  if (failed()) return;
  if (id < 0 || id >= machine_.cpus) return BreakRule(hook_task_, fmt::format("kick_cpu() of CPU {}, which does not exist", id));
  if ((flags & kKickIdle) && (flags & kKickPreempt)) return BreakRule(hook_task_, "kick_cpu() with both kKickIdle and kKickPreempt");
  Charge(id == ctx_cpu_ ? Service::kKickSelf : Service::kKick);
  Cpu& c = cpu(id);
  if ((flags & kKickIdle) && !c.idle) return;
  if ((flags & kKickPreempt) && c.curr) Preempt(c);
  Resched(id, ctx_cpu_);
}

void Kernel::TimerStart(uint64_t delay) {
  constexpr uint64_t kMin = 10'000, kMax = 3'600'000'000'000;
  events_.Set(timer_source_, now_ + Nanos{static_cast<int64_t>(std::clamp(delay, kMin, kMax))});
}

uint64_t Kernel::SliceOf(const Task* t) {
  Cpu& c = cpu(t->cpu);
  if (!plain_progress_) [[unlikely]] UpdateCurr(c);
  if (c.curr != t || now_ <= c.acct || t->slice == kSliceInfinite) return t->slice;
  auto used = static_cast<uint64_t>((now_ - c.acct).v);
  return t->slice > used ? t->slice - used : 0;
}

void Kernel::SetSlice(Task* t, uint64_t slice) {
  Cpu& c = cpu(t->cpu);
  if (c.curr == t && slice == 0) {
    Preempt(c);
  } else if (c.curr == t) {
    UpdateCurr(c);
    c.turn_end = TurnEnd::kSliceUsedUp;
  }
  t->slice = slice;
  if (c.curr == t) Rearm(c);
}

}  // namespace ose
