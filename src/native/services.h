// The services of policy.h for a native host: thin forwarding, so that the host holds the
// behaviour and both hosts (the simulated kernel, the user-space agent) answer alike.
//
// A Host has the member functions used below; queues are BasicDsq of its tasks, durations Nanos.
// The C ABI has no context argument (kfuncs have none either), so the host that runs is found
// through a thread-local: one per thread.
#ifndef OSEVOLVE_NATIVE_SERVICES_H_
#define OSEVOLVE_NATIVE_SERVICES_H_

#include <osevolve/policy.h>

#include <cstring>

#include "native/dsq.h"

namespace ose {

// Set by the host's constructor, cleared by its destructor.
template <class Host>
inline thread_local Host* current_host = nullptr;

// struct bpf_iter_num has 8 opaque bytes: the next value and the end. The value that next()
// points to is the iterator's own.
struct IterState {
  osevolve::s32 value, end;
};

// What OsvPolicy::bind takes.
template <class Host>
constexpr osevolve::OsvHost MakeServices() {
  using namespace osevolve;
  return {
      .abi = kAbiVersion,
      .now = [] { return static_cast<u64>(current_host<Host>->now().v); },
      .this_cpu = [] { return current_host<Host>->this_cpu(); },
      .nr_cpus = [] { return static_cast<u32>(current_host<Host>->machine().cpus); },
      .random = [] { return current_host<Host>->Random(); },
      .cpu_llc = [](s32 cpu) { return current_host<Host>->machine().LlcOf(current_host<Host>->Clamp(cpu)); },
      .cpu_node = [](s32 cpu) { return current_host<Host>->machine().NodeOf(current_host<Host>->Clamp(cpu)); },
      .cpu_sibling = [](s32 cpu) { return current_host<Host>->machine().SiblingOf(current_host<Host>->Clamp(cpu)); },
      .cpu_running = [](s32 cpu) { return current_host<Host>->RunningPid(cpu); },
      .cpu_idle = [](s32 cpu) { return current_host<Host>->IsIdle(cpu); },
      .dsq_create = [](u64 dsq) { return current_host<Host>->DsqCreate(dsq); },
      .dsq_insert = [](osv_task* t, u64 dsq, u64 slice, u64 flags) { current_host<Host>->DsqInsert(t, dsq, slice, 0, false, flags); },
      .dsq_insert_vtime = [](osv_task* t, u64 dsq, u64 slice, u64 vtime, u64 flags) { current_host<Host>->DsqInsert(t, dsq, slice, vtime, true, flags); },
      .dsq_move_to_local = [](u64 dsq) { return current_host<Host>->DsqMoveToLocal(dsq); },
      .keep_running = [](u64 slice) { current_host<Host>->KeepRunning(slice); },
      .dsq_nr_queued = [](u64 dsq) -> s32 {
        const auto* q = current_host<Host>->PeekDsq(dsq);
        return q ? q->size() : -2;  // -ENOENT
      },
      .dsq_peek = [](u64 dsq) -> s32 {
        const auto* q = current_host<Host>->PeekDsq(dsq);
        return q && q->Front() ? q->Front()->pid : 0;
      },
      .dsq_peek_vtime = [](u64 dsq) -> u64 {
        const auto* q = current_host<Host>->PeekDsq(dsq);
        return q && q->is_vtime() ? q->Front()->dsq_vtime_key : 0;
      },
      .pick_idle = [](osv_task* t, u64 flags) { return current_host<Host>->PickIdle(t, 0, kAnywhere, flags); },
      .pick_idle_in = [](osv_task* t, s32 near, u32 domain, u64 flags) { return current_host<Host>->PickIdle(t, near, domain, flags); },
      .claim_idle = [](s32 cpu) { return current_host<Host>->ClaimIdle(cpu); },
      .select_dfl = [](osv_task* t, s32 prev, u64 wake_flags, bool* idle) { return current_host<Host>->SelectDefault(t, prev, wake_flags, idle); },
      .kick_cpu = [](s32 cpu, u64 flags) { current_host<Host>->Kick(cpu, flags); },
      .timer_start = [](u64 delay) { current_host<Host>->TimerStart(delay); },
      .count = [](u32 id, u64 n) { current_host<Host>->Count(id, n); },
      .iter_new = [](OsvIter* it, s32 begin, s32 end) {
        IterState s{begin - 1, end};
        memcpy(it->opaque, &s, sizeof s);
      },
      .iter_next = [](OsvIter* it) -> s32* {
        IterState s;
        memcpy(&s, it->opaque, sizeof s);
        if (++s.value >= s.end) return nullptr;
        memcpy(it->opaque, &s, sizeof s);
        return reinterpret_cast<s32*>(it->opaque);
      },
      .iter_destroy = [](OsvIter*) {},
      .task_pid = [](osv_task* t) { return t->pid; },
      .task_tgid = [](osv_task* t) { return current_host<Host>->Tgid(t); },
      .task_comm = [](osv_task* t) { return t->comm; },
      .task_weight = [](osv_task* t) { return t->weight; },
      .task_cpu = [](osv_task* t) { return t->cpu; },
      .task_allowed = [](osv_task* t, s32 cpu) { return cpu >= 0 && cpu < current_host<Host>->machine().cpus && AllowedOn(t, cpu); },
      .task_nr_allowed = [](osv_task* t) { return static_cast<u32>(t->nr_allowed); },
      .task_slice = [](osv_task* t) { return static_cast<u64>(current_host<Host>->SliceOf(t)); },
      .task_set_slice = [](osv_task* t, u64 slice) { current_host<Host>->SetSlice(t, slice); },
      .task_vtime = [](osv_task* t) { return static_cast<u64>(t->vtime); },
      .task_set_vtime = [](osv_task* t, u64 v) { t->vtime = v; },
      .task_run_total = [](osv_task* t) { return static_cast<u64>(current_host<Host>->RunTotal(t).v); },
      .task_wait_total = [](osv_task* t) { return static_cast<u64>(current_host<Host>->WaitTotal(t).v); },
      .task_nr_wakeups = [](osv_task* t) { return static_cast<u64>(t->nr_wakeups); },
      .task_waker = [](osv_task* t) { return t->waker_pid; },
      .task_hint = [](osv_task* t) { return t->hint; },
      .task_state = [](osv_task* t) { return static_cast<void*>(t->state_bytes); },
      .cpu_state = [](s32 cpu) { return current_host<Host>->CpuState(cpu); },
      .self = [] { return current_host<Host>->Self(); },
  };
}
template <class Host>
inline constexpr osevolve::OsvHost kHostServices = MakeServices<Host>();

}  // namespace ose

#endif  // OSEVOLVE_NATIVE_SERVICES_H_
