// What the services of policy.h do in the agent (native/services.h is the C ABI in front of it). The rules are those
// of the simulator (sim/kernel_services.cc) and the kernel.
#include <fmt/format.h>

#include <algorithm>

#include "live/agent_host.h"

namespace ose {

using namespace osevolve;

namespace {

constexpr uint64_t kEnqInternalMask = 0xffULL << 56;  // __SCX_ENQ_INTERNAL_MASK

}  // namespace

// Any queue but kDsqLocal; breaks the rule and returns null when it does not exist.
Dsq* AgentHost::FindDsq(uint64_t id, const char* what) {
  if (id == kDsqGlobal) return &global_;
  if ((id & kDsqLocalOn) == kDsqLocalOn) {
    const auto c = static_cast<uint32_t>(id);
    if (c < static_cast<uint32_t>(machine_.cpus)) return &cpu(static_cast<int>(c)).local;
    BreakRule(hook_task_, fmt::format("{} the local queue of CPU {}, which does not exist", what, c));
    return nullptr;
  }
  Dsq* q = queues_.Find(id);
  if (!q) BreakRule(hook_task_, fmt::format("{} queue {}, which does not exist; make it with dsq_create() in init()", what, id));
  return q;
}

int AgentHost::DsqCreate(uint64_t id) {
  if (hook_ == Hook::kInit) return queues_.Create(id);
  BreakRule(nullptr, "dsq_create() outside init() (the kernel: program must be sleepable)");
  return -22;
}

void AgentHost::DsqInsert(Task* t, uint64_t id, uint64_t slice, uint64_t vtime, bool use_vtime, uint64_t flags) {
  if (failed()) return;
  if (hook_ != Hook::kEnqueue && hook_ != Hook::kSelectCpu) return BreakRule(t, "insert() outside enqueue() and select_cpu()");
  if (t != hook_task_) return BreakRule(t, "insert() of another task than the one the hook was called for");
  if (inserted_) return BreakRule(t, "insert() of a task that has already been inserted (already direct-dispatched)");
  if (flags & kEnqInternalMask) return BreakRule(t, fmt::format("insert() with invalid enq_flags {:#x}: the upper 8 bits are the kernel's", flags));
  if (use_vtime && id >= kDsqGlobal) return BreakRule(t, "insert_vtime() into a built-in queue: those are FIFO");
  inserted_ = true;
  insert_ = {id, slice, vtime, flags, use_vtime};
}

bool AgentHost::DsqMoveToLocal(uint64_t id) {
  if (failed()) return false;
  if (hook_ != Hook::kDispatch) {
    BreakRule(hook_task_, "dsq_move_to_local() outside dispatch()");
    return false;
  }
  Dsq* q = id == kDsqLocal ? nullptr : FindDsq(id, "dsq_move_to_local() from");
  if (!q || q->home_cpu >= 0) {
    BreakRule(nullptr, "dsq_move_to_local() from a local queue");
    return false;
  }
  Task* t = q->empty() ? nullptr : q->FirstAllowedOn(ctx_cpu_);
  if (!t) return false;
  Place(*t, cpu(ctx_cpu_), t->slice, place_flags_);
  place_flags_ = 0;  // what follows is behind it
  ++moved_;
  return true;
}

void AgentHost::KeepRunning(uint64_t slice) {
  if (hook_ != Hook::kDispatch) return BreakRule(hook_task_, "keep_running() outside dispatch()");
  keep_slice_ = slice;
}

const Dsq* AgentHost::PeekDsq(uint64_t id) {
  if (id == kDsqLocal) return &cpu(ctx_cpu_).local;
  if (id == kDsqGlobal) return &global_;
  if ((id & kDsqLocalOn) == kDsqLocalOn) {
    const auto c = static_cast<uint32_t>(id);
    return c < static_cast<uint32_t>(machine_.cpus) ? &cpu(static_cast<int>(c)).local : nullptr;
  }
  return queues_.Find(id);
}

int AgentHost::RunningPid(int id) const {
  const Task* t = cpus_[static_cast<size_t>(Clamp(id))].curr;
  return t ? t->pid : 0;
}

// A kick is not sent: what the kernel would do then, ask for work, is done here.
void AgentHost::Kick(int id, uint64_t flags) {
  if (failed()) return;
  if (id < 0 || id >= machine_.cpus) return BreakRule(hook_task_, fmt::format("kick_cpu() of CPU {}, which does not exist", id));
  if ((flags & kKickIdle) && (flags & kKickPreempt)) return BreakRule(hook_task_, "kick_cpu() with both kKickIdle and kKickPreempt");
  Cpu& c = cpu(id);
  if (!c.curr) AskFor(c, Ask::kIdle);
  else if (flags & kKickPreempt) AskFor(c, Ask::kTurnOver);
}

void AgentHost::TimerStart(uint64_t delay) {
  constexpr uint64_t kMin = 10'000, kMax = 3'600'000'000'000;
  timer_at_ = link_.Now() + Nanos{static_cast<int64_t>(std::clamp(delay, kMin, kMax))};
}

void AgentHost::SetSlice(Task* t, uint64_t slice) {
  t->slice = slice;
  Cpu& c = cpu(t->cpu);
  if (c.curr != t || t->keeps_on) return;
  if (slice == 0) AskFor(c, Ask::kTurnOver);
  else SendSlice(*t);
}

}  // namespace ose
