// The services of policy.h on the simulated kernel: thin forwarding, so that kernel.cc holds
// the behaviour. Costs are charged there.
#include <osevolve/policy.h>

#include <cstring>

#include "sim/kernel.h"

namespace ose {
namespace {

using namespace osevolve;

// The C ABI has no context argument (kfuncs have none either); one simulation runs per thread.
thread_local Kernel* g_kernel = nullptr;

// struct bpf_iter_num has 8 opaque bytes: the next value and the end. The value that next()
// points to is the iterator's own.
struct IterState { s32 value, end; };

const OsvHost kServices = {
    .abi = kAbiVersion,
    .now = [] { return static_cast<u64>(g_kernel->now().v); },
    .this_cpu = [] { return g_kernel->this_cpu(); },
    .nr_cpus = [] { return static_cast<u32>(g_kernel->machine().cpus); },
    .random = [] { return g_kernel->Random(); },
    .cpu_llc = [](s32 cpu) { return g_kernel->machine().LlcOf(g_kernel->Clamp(cpu)); },
    .cpu_node = [](s32 cpu) { return g_kernel->machine().NodeOf(g_kernel->Clamp(cpu)); },
    .cpu_sibling = [](s32 cpu) { return g_kernel->machine().SiblingOf(g_kernel->Clamp(cpu)); },
    .cpu_running = [](s32 cpu) { return g_kernel->RunningPid(cpu); },
    .cpu_idle = [](s32 cpu) { return g_kernel->IsIdle(cpu); },
    .dsq_create = [](u64 dsq) { return g_kernel->DsqCreate(dsq); },
    .dsq_insert = [](osv_task* t, u64 dsq, u64 slice, u64 flags) { g_kernel->DsqInsert(t, dsq, slice, 0, false, flags); },
    .dsq_insert_vtime = [](osv_task* t, u64 dsq, u64 slice, u64 vtime, u64 flags) { g_kernel->DsqInsert(t, dsq, slice, vtime, true, flags); },
    .dsq_move_to_local = [](u64 dsq) { return g_kernel->DsqMoveToLocal(dsq); },
    .keep_running = [](u64 slice) { g_kernel->KeepRunning(slice); },
    .dsq_nr_queued = [](u64 dsq) -> s32 {
      const Dsq* q = g_kernel->PeekDsq(dsq);
      return q ? q->size() : -2;  // -ENOENT
    },
    .dsq_peek = [](u64 dsq) -> s32 {
      const Dsq* q = g_kernel->PeekDsq(dsq);
      return q && q->Front() ? q->Front()->pid : 0;
    },
    .dsq_peek_vtime = [](u64 dsq) -> u64 {
      const Dsq* q = g_kernel->PeekDsq(dsq);
      return q && q->is_vtime() ? q->Front()->dsq_vtime_key : 0;
    },
    .pick_idle = [](osv_task* t, u64 flags) { return g_kernel->PickIdle(t, 0, kAnywhere, flags); },
    .pick_idle_in = [](osv_task* t, s32 near, u32 domain, u64 flags) { return g_kernel->PickIdle(t, near, domain, flags); },
    .claim_idle = [](s32 cpu) { return g_kernel->ClaimIdle(cpu); },
    .select_dfl = [](osv_task* t, s32 prev, u64, bool* idle) { return g_kernel->SelectDefault(t, prev, idle); },
    .kick_cpu = [](s32 cpu, u64 flags) { g_kernel->Kick(cpu, flags); },
    .timer_start = [](u64 delay) { g_kernel->TimerStart(delay); },
    .count = [](u32 id, u64 n) { g_kernel->Count(id, n); },
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
    .task_tgid = [](osv_task* t) { return t->group + 1; },
    .task_comm = [](osv_task* t) { return t->comm; },
    .task_weight = [](osv_task* t) { return t->weight; },
    .task_cpu = [](osv_task* t) { return t->cpu; },
    .task_allowed = [](osv_task* t, s32 cpu) { return cpu >= 0 && cpu < g_kernel->machine().cpus && AllowedOn(t, cpu); },
    .task_nr_allowed = [](osv_task* t) { return static_cast<u32>(t->nr_allowed); },
    .task_slice = [](osv_task* t) { return static_cast<u64>(g_kernel->SliceOf(t)); },
    .task_set_slice = [](osv_task* t, u64 slice) { g_kernel->SetSlice(t, slice); },
    .task_vtime = [](osv_task* t) { return static_cast<u64>(t->vtime); },
    .task_set_vtime = [](osv_task* t, u64 v) { t->vtime = v; },
    .task_run_total = [](osv_task* t) { return static_cast<u64>(g_kernel->RunTotal(t).v); },
    .task_wait_total = [](osv_task* t) { return static_cast<u64>(g_kernel->WaitTotal(t).v); },
    .task_nr_wakeups = [](osv_task* t) { return static_cast<u64>(t->nr_wakeups); },
    .task_waker = [](osv_task* t) { return t->waker_pid; },
    .task_hint = [](osv_task* t) { return t->hint; },
    .task_state = [](osv_task* t) { return static_cast<void*>(t->state_bytes); },
    .cpu_state = [](s32 cpu) { return g_kernel->CpuState(cpu); },
    .self = [] { return g_kernel->Self(); },
};

}  // namespace

const OsvHost& KernelServices() { return kServices; }
void SetCurrentKernel(Kernel* kernel) { g_kernel = kernel; }

}  // namespace ose
