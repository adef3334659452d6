// The policy's host in the kernel: the services of osevolve/policy.h as thin functions around sched_ext's
// kfuncs, and sched_ext's operations as calls of the policy's hooks. Compiled to bitcode, linked with the
// policy's and inlined, so that the layer costs nothing and the verifier sees one program per operation.
//
// State. Per-CPU and global state are plain arrays. A task's state is in an array slot by pid where all pids
// fit (task_mask, set by the loader from kernel.pid_max), and in task storage elsewhere: a slot costs one
// addition, task storage a lookup under RCU some fifty times as dear.
#include "live/bpf/exit_record.h"
#include "live/bpf/kernel.h"

#define MAX_CPUS 256       // kMaxCpus of the loader
#define TASK_BYTES 128     // kMaxTaskState
#define CPU_BYTES 256      // kMaxCpuState
#define SELF_BYTES 4096    // kMaxSelf
#define NR_COUNTERS 64     // kMaxCounters

char _license[] SEC("license") = "Dual MIT/GPL";

// Set by the loader before the program is loaded; constants for the verifier, which drops what they rule out.
const volatile u32 osv_cpus = 1;
const volatile u32 osv_task_mask = 0;  // slots - 1, a power of two minus one; 0: task storage
const volatile s32 osv_llc[MAX_CPUS];
const volatile s32 osv_node[MAX_CPUS];
const volatile s32 osv_sibling[MAX_CPUS];

struct task_slot {
  u64 state[TASK_BYTES / 8];
  u64 nr_wakeups;
  s32 waker;
};
// Grown by the loader to task_mask + 1 slots.
struct task_slot osv_tasks[1] SEC(".bss.tasks");
struct {
  __uint(type, kMapTaskStorage);
  __uint(map_flags, kMapNoPrealloc);
  __type(key, int);
  __type(value, struct task_slot);
} osv_storage SEC(".maps");

struct cpu_slot {
  u64 state[CPU_BYTES / 8];
  u64 keep_running;
} __attribute__((aligned(64)));
struct cpu_slot osv_cpu_slots[MAX_CPUS];
u64 osv_self_state[SELF_BYTES / 8];
u64 osv_counters[NR_COUNTERS];
static struct task_slot no_task;  // a look-up never fails for the policy

// What applications say of themselves, by pid; they write it through a mapping (live/session.h). The loader puts
// the session's map in place of this one, in which there is room for nobody.
struct {
  __uint(type, kMapArray);
  __uint(map_flags, kMapMmapable);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, u64);
} osv_hints SEC(".maps");

struct timer_slot {
  struct bpf_timer timer;
};
struct {
  __uint(type, kMapArray);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, struct timer_slot);
} osv_timers SEC(".maps");

// ---- Services ------------------------------------------------------------------------------------------

INLINE u32 cpu_index(s32 cpu) {
  u32 c = cpu;
  barrier_var(c);  // one bounds check, where the verifier can see it
  return c < MAX_CPUS ? c : 0;
}

INLINE struct task_slot *task_slot(struct task_struct *p) {
  if (osv_task_mask) {
    u32 slot = p->pid;
    barrier_var(slot);
    return &osv_tasks[slot & osv_task_mask];
  }
  struct task_slot *t = bpf_task_storage_get(&osv_storage, p, NULL, 0);
  return t ? t : &no_task;
}

SERVICE u64 osv_now(void) { return scx_bpf_now ? scx_bpf_now() : bpf_ktime_get_ns(); }
SERVICE s32 osv_this_cpu(void) { return bpf_get_smp_processor_id(); }
SERVICE u32 osv_nr_cpus(void) { return osv_cpus; }
SERVICE u32 osv_random(void) { return bpf_get_prandom_u32(); }
SERVICE s32 osv_cpu_llc(s32 cpu) { return osv_llc[cpu_index(cpu)]; }
SERVICE s32 osv_cpu_node(s32 cpu) { return osv_node[cpu_index(cpu)]; }
SERVICE s32 osv_cpu_sibling(s32 cpu) { return osv_sibling[cpu_index(cpu)]; }
SERVICE s32 osv_cpu_running(s32 cpu) {
  struct rq *rq = (u32)cpu < osv_cpus ? scx_bpf_cpu_rq(cpu) : NULL;
  return rq ? rq->curr->pid : 0;
}
SERVICE bool osv_cpu_idle(s32 cpu) {
  const struct cpumask *idle = scx_bpf_get_idle_cpumask();
  bool is_idle = (u32)cpu < osv_cpus && bpf_cpumask_test_cpu(cpu, idle);
  scx_bpf_put_idle_cpumask(idle);
  return is_idle;
}

SERVICE s32 osv_dsq_create(u64 dsq) { return dsq >> 63 ? -kEInval : scx_bpf_create_dsq(dsq, -1); }
SERVICE void osv_dsq_insert(struct task_struct *p, u64 dsq, u64 slice, u64 flags) {
  if (scx_bpf_dsq_insert) scx_bpf_dsq_insert(p, dsq, slice, flags);
  else scx_bpf_dispatch(p, dsq, slice, flags);
}
SERVICE void osv_dsq_insert_vtime(struct task_struct *p, u64 dsq, u64 slice, u64 vtime, u64 flags) {
  if (scx_bpf_dsq_insert_vtime) scx_bpf_dsq_insert_vtime(p, dsq, slice, vtime, flags);
  else scx_bpf_dispatch_vtime(p, dsq, slice, vtime, flags);
}
SERVICE bool osv_dsq_move_to_local(u64 dsq) {
  return scx_bpf_dsq_move_to_local ? scx_bpf_dsq_move_to_local(dsq) : scx_bpf_consume(dsq);
}
// The running task is known to the operation, not here: kept until the hook has returned.
SERVICE void osv_keep_running(u64 slice) { osv_cpu_slots[cpu_index(bpf_get_smp_processor_id())].keep_running = slice; }
SERVICE s32 osv_dsq_nr_queued(u64 dsq) {
  s32 n = scx_bpf_dsq_nr_queued(dsq);
  return n > 0 ? n : 0;
}
SERVICE s32 osv_dsq_peek(u64 dsq) {
  struct bpf_iter_scx_dsq it;
  s32 pid = 0;
  bpf_iter_scx_dsq_new(&it, dsq, 0);
  struct task_struct *p = bpf_iter_scx_dsq_next(&it);
  if (p) pid = p->pid;
  bpf_iter_scx_dsq_destroy(&it);
  return pid;
}
SERVICE u64 osv_dsq_peek_vtime(u64 dsq) {
  struct bpf_iter_scx_dsq it;
  u64 vtime = 0;
  bpf_iter_scx_dsq_new(&it, dsq, 0);
  struct task_struct *p = bpf_iter_scx_dsq_next(&it);
  if (p && (p->scx.dsq_flags & kTaskOnPriorityQueue)) vtime = p->scx.dsq_vtime;
  bpf_iter_scx_dsq_destroy(&it);
  return vtime;
}

SERVICE s32 osv_pick_idle(struct task_struct *p, u64 flags) { return scx_bpf_pick_idle_cpu(p->cpus_ptr, flags); }
INLINE s32 domain_of(s32 cpu, u32 domain) {
  if (domain == 1) return osv_llc[cpu_index(cpu)];
  if (domain == 2) return osv_node[cpu_index(cpu)];
  // A core's number: the lower of its siblings.
  s32 sibling = osv_sibling[cpu_index(cpu)];
  return sibling < cpu ? sibling : cpu;
}
SERVICE s32 osv_pick_idle_in(struct task_struct *p, s32 near, u32 domain, u64 flags) {
  if (domain > 2) return scx_bpf_pick_idle_cpu(p->cpus_ptr, flags);
  struct bpf_iter_num it;
  s32 wanted = domain_of(near, domain), found = -1, *i;
  bpf_iter_num_new(&it, 0, osv_cpus);
  while ((i = bpf_iter_num_next(&it))) {
    s32 cpu = *i;
    if (domain_of(cpu, domain) != wanted || !bpf_cpumask_test_cpu(cpu, p->cpus_ptr)) continue;
    s32 sibling = osv_sibling[cpu_index(cpu)];
    if ((flags & 1) && sibling != cpu && !osv_cpu_idle(sibling)) continue;
    if (!scx_bpf_test_and_clear_cpu_idle(cpu)) continue;
    found = cpu;
    break;
  }
  bpf_iter_num_destroy(&it);
  return found;
}
SERVICE bool osv_claim_idle(s32 cpu) { return (u32)cpu < osv_cpus && scx_bpf_test_and_clear_cpu_idle(cpu); }
SERVICE s32 osv_select_dfl(struct task_struct *p, s32 prev, u64 wake_flags, bool *idle) {
  return scx_bpf_select_cpu_dfl(p, prev, wake_flags, idle);
}
SERVICE void osv_kick_cpu(s32 cpu, u64 flags) { scx_bpf_kick_cpu(cpu, flags); }
SERVICE void osv_timer_start(u64 delay) {
  u32 key = 0;
  struct timer_slot *t = bpf_map_lookup_elem(&osv_timers, &key);
  if (t) bpf_timer_start(&t->timer, delay < 10000 ? 10000 : delay, 0);
}
SERVICE void osv_count(u32 id, u64 n) {
  if (id < NR_COUNTERS) __sync_fetch_and_add(&osv_counters[id], n);
}
SERVICE void osv_iter_new(struct bpf_iter_num *it, s32 begin, s32 end) { bpf_iter_num_new(it, begin, end); }
SERVICE s32 *osv_iter_next(struct bpf_iter_num *it) { return bpf_iter_num_next(it); }
SERVICE void osv_iter_destroy(struct bpf_iter_num *it) { bpf_iter_num_destroy(it); }

SERVICE s32 osv_task_pid(struct task_struct *p) { return p->pid; }
SERVICE s32 osv_task_tgid(struct task_struct *p) { return p->tgid; }
SERVICE u32 osv_task_comm(struct task_struct *p) {
  u32 hash = 2166136261u;
  bool more = true;
#pragma unroll
  for (int i = 0; i < 15; i++) {
    u8 c = p->comm[i];
    more = more && c;
    if (more) hash = (hash ^ c) * 16777619u;
  }
  return hash;
}
SERVICE u32 osv_task_weight(struct task_struct *p) { return p->scx.weight; }
SERVICE s32 osv_task_cpu(struct task_struct *p) { return scx_bpf_task_cpu(p); }
SERVICE bool osv_task_allowed(struct task_struct *p, s32 cpu) {
  return (u32)cpu < osv_cpus && bpf_cpumask_test_cpu(cpu, p->cpus_ptr);
}
SERVICE u32 osv_task_nr_allowed(struct task_struct *p) { return p->nr_cpus_allowed; }
SERVICE u64 osv_task_slice(struct task_struct *p) { return p->scx.slice; }
SERVICE void osv_task_set_slice(struct task_struct *p, u64 slice) { p->scx.slice = slice; }
SERVICE u64 osv_task_vtime(struct task_struct *p) { return p->scx.dsq_vtime; }
SERVICE void osv_task_set_vtime(struct task_struct *p, u64 vtime) { p->scx.dsq_vtime = vtime; }
SERVICE u64 osv_task_run_total(struct task_struct *p) { return p->se.sum_exec_runtime; }
SERVICE u64 osv_task_wait_total(struct task_struct *p) { return p->sched_info.run_delay; }
SERVICE u64 osv_task_nr_wakeups(struct task_struct *p) { return task_slot(p)->nr_wakeups; }
SERVICE s32 osv_task_waker(struct task_struct *p) { return task_slot(p)->waker; }
SERVICE u32 osv_task_hint(struct task_struct *p) {
  u32 pid = (u32)p->pid;
  u64 *hint = bpf_map_lookup_elem(&osv_hints, &pid);
  return hint ? (u32)*hint : 0;
}
SERVICE void *osv_task_state(struct task_struct *p) { return task_slot(p)->state; }
SERVICE void *osv_cpu_state(s32 cpu) { return osv_cpu_slots[cpu_index(cpu)].state; }
SERVICE void *osv_self(void) { return osv_self_state; }

// ---- Operations ----------------------------------------------------------------------------------------

s32 osv_hook_init(void);
void osv_hook_exit(void);
s32 osv_hook_init_task(struct task_struct *p);
void osv_hook_exit_task(struct task_struct *p);
void osv_hook_enable(struct task_struct *p);
void osv_hook_disable(struct task_struct *p);
s32 osv_hook_select_cpu(struct task_struct *p, s32 prev, u64 flags);
void osv_hook_enqueue(struct task_struct *p, u64 flags);
void osv_hook_dequeue(struct task_struct *p, u64 flags);
void osv_hook_dispatch(s32 cpu);
void osv_hook_runnable(struct task_struct *p, u64 flags);
void osv_hook_running(struct task_struct *p);
void osv_hook_stopping(struct task_struct *p, bool runnable);
void osv_hook_quiescent(struct task_struct *p, u64 flags);
void osv_hook_tick(struct task_struct *p);
bool osv_hook_yield(struct task_struct *p);
void osv_hook_set_weight(struct task_struct *p, u32 weight);
void osv_hook_set_cpumask(struct task_struct *p);
void osv_hook_update_idle(s32 cpu, bool idle);
void osv_hook_cpu_online(s32 cpu);
void osv_hook_cpu_offline(s32 cpu);
void osv_hook_timer(void);

// An operation's arguments come as an array of u64.
#define OP(name) SEC("struct_ops/" #name) s64 osv_op_##name(u64 *ctx)
#define TASK ((struct task_struct *)ctx[0])

static int on_timer(void *map, void *key, void *value) {
  osv_hook_timer();
  return 0;
}

SEC("struct_ops.s/init") s64 osv_op_init(u64 *ctx) {
  u32 key = 0;
  struct timer_slot *t = bpf_map_lookup_elem(&osv_timers, &key);
  if (!t) return -kEnoMem;
  bpf_timer_init(&t->timer, &osv_timers, kClockMonotonic);
  bpf_timer_set_callback(&t->timer, on_timer);
  return osv_hook_init();
}
OP(exit) {
  osv_hook_exit();
  record_exit((void *)ctx[0]);
  return 0;
}
OP(init_task) {
  struct task_struct *p = TASK;
  if (osv_task_mask) {
    struct task_slot *t = task_slot(p);  // of a task that had the same pid
    __builtin_memset(t, 0, sizeof *t);
  } else if (!bpf_task_storage_get(&osv_storage, p, NULL, kStorageCreate)) {
    return -kEnoMem;
  }
  return osv_hook_init_task(p);
}
OP(exit_task) { osv_hook_exit_task(TASK); return 0; }
OP(enable) { osv_hook_enable(TASK); return 0; }
OP(disable) { osv_hook_disable(TASK); return 0; }
OP(select_cpu) { return osv_hook_select_cpu(TASK, ctx[1], ctx[2]); }
OP(enqueue) { osv_hook_enqueue(TASK, ctx[1]); return 0; }
OP(dequeue) { osv_hook_dequeue(TASK, ctx[1]); return 0; }
OP(dispatch) {
  s32 cpu = ctx[0];
  struct task_struct *prev = (struct task_struct *)ctx[1];
  osv_hook_dispatch(cpu);
  u64 *keep = &osv_cpu_slots[cpu_index(cpu)].keep_running;
  if (*keep) {
    if (prev && (prev->scx.flags & kTaskQueued)) prev->scx.slice = *keep;
    *keep = 0;
  }
  return 0;
}
// OSV_TRACKS_WAKEUPS: the policy asks for wakers or numbers of wake-ups. The compiler looks (eval/bpf_compiler.cc);
// the loader knows by the symbol and then keeps this operation even if the policy has no such hook.
#ifdef OSV_TRACKS_WAKEUPS
const volatile u32 osv_tracks_wakeups = 1;
#endif
OP(runnable) {
#ifdef OSV_TRACKS_WAKEUPS
  if (ctx[1] & 1) {  // SCX_ENQ_WAKEUP
    struct task_slot *t = task_slot(TASK);
    t->nr_wakeups++;
    t->waker = bpf_get_current_task_btf()->pid;
  }
#endif
  osv_hook_runnable(TASK, ctx[1]);
  return 0;
}
OP(running) { osv_hook_running(TASK); return 0; }
OP(stopping) { osv_hook_stopping(TASK, ctx[1]); return 0; }
OP(quiescent) { osv_hook_quiescent(TASK, ctx[1]); return 0; }
OP(tick) { osv_hook_tick(TASK); return 0; }
OP(yield) { return osv_hook_yield(TASK); }
OP(set_weight) { osv_hook_set_weight(TASK, ctx[1]); return 0; }
OP(set_cpumask) { osv_hook_set_cpumask(TASK); return 0; }
OP(update_idle) { osv_hook_update_idle(ctx[0], ctx[1]); return 0; }
OP(cpu_online) { osv_hook_cpu_online(ctx[0]); return 0; }
OP(cpu_offline) { osv_hook_cpu_offline(ctx[0]); return 0; }

SEC(".struct_ops.link") struct sched_ext_ops osv_ops = {
  .select_cpu = (void *)osv_op_select_cpu,
  .enqueue = (void *)osv_op_enqueue,
  .dequeue = (void *)osv_op_dequeue,
  .dispatch = (void *)osv_op_dispatch,
  .tick = (void *)osv_op_tick,
  .runnable = (void *)osv_op_runnable,
  .running = (void *)osv_op_running,
  .stopping = (void *)osv_op_stopping,
  .quiescent = (void *)osv_op_quiescent,
  .yield = (void *)osv_op_yield,
  .set_weight = (void *)osv_op_set_weight,
  .set_cpumask = (void *)osv_op_set_cpumask,
  .update_idle = (void *)osv_op_update_idle,
  .init_task = (void *)osv_op_init_task,
  .exit_task = (void *)osv_op_exit_task,
  .enable = (void *)osv_op_enable,
  .disable = (void *)osv_op_disable,
  .cpu_online = (void *)osv_op_cpu_online,
  .cpu_offline = (void *)osv_op_cpu_offline,
  .init = (void *)osv_op_init,
  .exit = (void *)osv_op_exit,
  .timeout_ms = 5000,
  .name = "osevolve",
};
