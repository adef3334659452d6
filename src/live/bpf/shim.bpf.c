// The shim: a resident sched_ext scheduler without a policy. It reports to an agent in user space what happens to
// tasks and CPUs, and carries out what the agent decides (agent_abi.h).
//
// Every task that needs a decision waits in one queue, HOLD, in the order in which it came. A decision takes it from
// there to the local queue of a CPU. So a task is always in a queue of the kernel's: when the agent does not answer
// (it died, it hangs, its ring is full) dispatch takes from HOLD itself, first come, first served, and nothing is
// lost when one agent gives way to another.
//
// The agent, its supervisor and kernel threads of a single CPU never wait for the agent: they go to the head of the
// local queue and preempt. What they cut off waits in a queue of its CPU, CUT, and goes on afterwards with the rest of
// its slice; the agent is not told, unless it has decided meanwhile that another is to preempt that task.
#include "live/bpf/exit_record.h"
#include "live/bpf/kernel.h"

#include "live/bpf/agent_abi.h"

#define HOLD 0
#define CUT(cpu) (1ull + (u32)(cpu))
#define SLICE_DEFAULT 20000000ull
#define CPU_MASK (AGENT_MAX_CPUS - 1)
enum { kFlagKthread = 0x00200000 };                       // PF_KTHREAD
#define ENQ_WAKEUP 1ull
#define ENQ_HEAD (1ull << 4)
#define ENQ_PREEMPT (1ull << 32)
#define ENQ_LAST (1ull << 41)
#define DSQ_LOCAL ((1ull << 63) | 2)
#define DSQ_LOCAL_ON (3ull << 62)
enum { kKickIdle = 1, kKickPreempt = 2 };
enum { kKeepBuiltinIdle = 1 << 0, kEnqLast = 1 << 1 };

char _license[] SEC("license") = "Dual MIT/GPL";

// Set by the loader before the program is loaded.
const volatile u32 shim_cpus = 1;
const volatile u32 shim_task_mask = 0;             // slots - 1
const volatile u64 shim_timeout_ns = 20000000;     // an agent that leaves events unread for so long is not there
const volatile u64 shim_grace_ns = 4000000;        // what a task whose slice is over gets until the agent has decided
const volatile u64 shim_tick_ns = 1000000;

struct {
  __uint(type, kMapRingbuf);
  __uint(max_entries, 1 << 20);
} agent_events SEC(".maps");
struct {
  __uint(type, kMapUserRingbuf);
  __uint(max_entries, 1 << 18);
} agent_decisions SEC(".maps");
struct {
  __uint(type, kMapArray);
  __uint(map_flags, kMapMmapable);
  __uint(max_entries, 1);  // the loader's: as many as there are pids
  __type(key, u32);
  __type(value, struct agent_task);
} agent_tasks SEC(".maps");
struct {
  __uint(type, kMapArray);
  __uint(map_flags, kMapMmapable);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, struct agent_used);
} agent_used SEC(".maps");
struct {
  __uint(type, kMapArray);
  __uint(map_flags, kMapMmapable);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, struct agent_control);
} agent_control SEC(".maps");
struct {
  __uint(type, kMapArray);
  __uint(map_flags, kMapMmapable);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, struct agent_shim);
} agent_shim SEC(".maps");

struct timer_slot {
  struct bpf_timer timer;
};
struct {
  __uint(type, kMapArray);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, struct timer_slot);
} shim_timers SEC(".maps");

struct cpu_slot {
  s32 cut_pid;         // of the task that a bypassing one cut off, and the slice that it had left
  u32 yielded;
  u64 cut_slice;
  u32 displaced;       // the agent has sent another in place of what waits in CUT
  u32 told_idle;       // the agent knows that this CPU is idle
} __attribute__((aligned(64)));
struct cpu_slot shim_cpu_slots[AGENT_MAX_CPUS];

static const u32 zero = 0;

// ---- The agent -------------------------------------------------------------------------------------------

INLINE struct agent_control *control(void) { return bpf_map_lookup_elem(&agent_control, &zero); }
INLINE struct agent_shim *shim(void) { return bpf_map_lookup_elem(&agent_shim, &zero); }
INLINE struct cpu_slot *cpu_slot(s32 cpu) { return &shim_cpu_slots[cpu & CPU_MASK]; }
INLINE struct agent_task *task_slot(struct task_struct *p) {
  u32 slot = p->pid & shim_task_mask;
  return bpf_map_lookup_elem(&agent_tasks, &slot);
}
INLINE void add(unsigned long long *counter) { __sync_fetch_and_add(counter, 1); }

// The agent is there and reads its events.
INLINE bool served(struct agent_shim *s) { return s->agent_pid && !s->fallback; }

// It has been asked and has not come back to its events for too long.
INLINE bool silent(struct agent_shim *s, u64 now) {
  struct agent_control *c = control();
  return c && s->asked_since > c->heartbeat && (s64)(now - s->asked_since) > (s64)shim_timeout_ns;
}

INLINE void tell(struct agent_task *t, u32 kind, s32 cpu, u64 flags, s32 arg, u64 slice, bool wake) {
  struct agent_shim *s = shim();
  struct agent_control *c = control();
  if (!s || !c) return;
  u64 now = bpf_ktime_get_ns();
  if (wake && s->asked_since <= c->heartbeat) s->asked_since = now;
  struct agent_event *e = bpf_ringbuf_reserve(&agent_events, sizeof *e, 0);
  if (!e) {
    add(&s->dropped);
    return;
  }
  e->time = now;
  e->seq = t ? t->seq : 0;
  e->flags = flags;
  e->run_total = t ? t->run_total : 0;
  e->wait_total = t ? t->wait_total : 0;
  e->slice = slice;
  e->nr = t ? t->nr : 0;
  e->pid = t ? t->pid : 0;
  e->arg = arg;
  e->wake = t ? t->wake : 0;
  e->kind = kind;
  e->cpu = cpu;
  e->here = bpf_get_smp_processor_id();
  e->pad = 0;
  // Also a barrier: the record is reserved before `sleeping` is read, as the agent writes it before it looks for
  // records (agent_link.cc).
  add(&s->events);
  bpf_ringbuf_submit(e, wake && *(volatile unsigned *)&c->sleeping ? kRingForceWakeup : kRingNoWakeup);
}

// `wake`: it needs an answer. In the fallback nothing is told; the table goes on.
INLINE void emit(struct agent_task *t, u32 kind, s32 cpu, u64 flags, s32 arg, u64 slice, bool wake) {
  struct agent_shim *s = shim();
  if (t) t->nr++;
  if (s && served(s)) tell(t, kind, cpu, flags, arg, slice, wake);
}

INLINE void insert(struct task_struct *p, u64 dsq, u64 slice, u64 flags) {
  if (scx_bpf_dsq_insert) scx_bpf_dsq_insert(p, dsq, slice, flags);
  else scx_bpf_dispatch(p, dsq, slice, flags);
}
INLINE bool take_held(void) { return scx_bpf_dsq_move_to_local ? scx_bpf_dsq_move_to_local(HOLD) : scx_bpf_consume(HOLD); }

// To another queue, in dispatch.
INLINE bool move(struct bpf_iter_scx_dsq *it, struct task_struct *p, u64 dsq, u64 slice, u64 flags) {
  if (scx_bpf_dsq_move) {
    scx_bpf_dsq_move_set_slice(it, slice);
    return scx_bpf_dsq_move(it, p, dsq, flags);
  }
  scx_bpf_dispatch_from_dsq_set_slice(it, slice);
  return scx_bpf_dispatch_from_dsq(it, p, dsq, flags);
}

// ---- Decisions -------------------------------------------------------------------------------------------

INLINE void place(struct agent_shim *s, const struct agent_decision *d) {
  u32 slot = d->pid & shim_task_mask;
  struct agent_task *t = bpf_map_lookup_elem(&agent_tasks, &slot);
  if (!t || t->pid != d->pid || t->seq != d->seq || t->state != kTaskWaiting) {
    add(&s->stale);
    return;
  }
  struct bpf_iter_scx_dsq it;
  struct task_struct *p;
  bool found = false;
  bpf_iter_scx_dsq_new(&it, HOLD, 0);
  while ((p = bpf_iter_scx_dsq_next(&it))) {
    if (p->pid != d->pid) continue;
    found = true;
    if ((u32)d->cpu >= shim_cpus || !bpf_cpumask_test_cpu(d->cpu, p->cpus_ptr)) {
      add(&s->forbidden);
      break;
    }
    u64 flags = d->flags & (ENQ_HEAD | ENQ_PREEMPT);
    t->state = kTaskPlaced;
    if (!move(&it, p, DSQ_LOCAL_ON | (u32)d->cpu, d->slice ? d->slice : 1, flags)) {
      // Somebody else got to it.
      if (t->seq == d->seq && t->state == kTaskPlaced) t->state = kTaskWaiting;
      add(&s->stale);
      break;
    }
    if ((flags & ENQ_PREEMPT) && scx_bpf_dsq_nr_queued(CUT(d->cpu)) > 0) cpu_slot(d->cpu)->displaced = 1;
    add(&s->placed);
    u32 bucket = agent_bucket(bpf_ktime_get_ns() - d->asked);
    barrier_var(bucket);
    if (bucket < AGENT_BUCKETS) __sync_fetch_and_add(&s->latency[bucket], 1);
    break;
  }
  bpf_iter_scx_dsq_destroy(&it);
  if (found) return;
  // Its enqueue has been reported but is not complete.
  add(&s->rejected);
  emit(t, kEventRejected, t->cpu, 0, 0, 0, true);
}

INLINE void mark_used(s32 pid, bool used) {
  struct agent_used *u = bpf_map_lookup_elem(&agent_used, &zero);
  u32 slot = pid & shim_task_mask & (AGENT_MAX_TASKS - 1);
  barrier_var(slot);
  if (!u || slot >= AGENT_MAX_TASKS) return;
  if (used) __sync_fetch_and_or(&u->bits[slot / 64], 1ull << (slot & 63));
  else __sync_fetch_and_and(&u->bits[slot / 64], ~(1ull << (slot & 63)));
}

static long decide(struct bpf_dynptr *sample, void *context) {
  struct agent_shim *s = shim();
  struct agent_decision d;
  if (!s || bpf_dynptr_read(&d, sizeof d, sample, 0, 0) != 0) return 0;
  add(&s->decisions);
  if (d.kind == kDecideRun) {
    place(s, &d);
  } else if (d.kind == kDecideSlice) {
    struct task_struct *p = bpf_task_from_pid(d.pid);
    if (!p) return 0;
    struct agent_task *t = task_slot(p);
    if (t && t->state == kTaskOnCpu && !t->bypass) {
      p->scx.slice = d.slice;
      t->turn = d.slice;
      t->started_at = bpf_ktime_get_ns();
    }
    bpf_task_release(p);
  }
  return 0;
}

// One CPU at a time: another that comes meanwhile leaves what it came for to the first, which looks once more at the end.
INLINE void drain(struct agent_shim *s) {
  struct agent_control *c = control();
  if (!c) return;
  if (bpf_user_ringbuf_drain(&agent_decisions, decide, NULL, kRingNoWakeup) < 0) {
    add(&s->busy);
    return;
  }
  if (*(volatile unsigned long long *)&c->sent != *(volatile unsigned long long *)&s->decisions)
    bpf_user_ringbuf_drain(&agent_decisions, decide, NULL, kRingNoWakeup);
}

// CPUs for which the agent has decided something: they drain the decisions when they are asked for work.
INLINE void kick_wanted(s32 here) {
  struct agent_control *c = control();
  if (!c) return;
  struct bpf_iter_num it;
  s32 *i;
  for (u32 w = 0; w < AGENT_CPU_WORDS; w++) {
    if (w * 64 >= shim_cpus) break;
    u64 bits = *(volatile unsigned long long *)&c->kick[w];
    if (!bits) continue;
    c->kick[w] = 0;
    bpf_iter_num_new(&it, 0, 64);
    while ((i = bpf_iter_num_next(&it))) {
      s32 cpu = w * 64 + *i;
      if (!(bits >> (*i & 63) & 1) || (u32)cpu >= shim_cpus || cpu == here) continue;
      scx_bpf_kick_cpu(cpu, kKickIdle);
    }
    bpf_iter_num_destroy(&it);
  }
}

INLINE void kick_all_idle(void) {
  struct bpf_iter_num it;
  s32 *i;
  bpf_iter_num_new(&it, 0, shim_cpus);
  while ((i = bpf_iter_num_next(&it))) scx_bpf_kick_cpu(*i, kKickIdle);
  bpf_iter_num_destroy(&it);
}

// ---- Operations ------------------------------------------------------------------------------------------

#define OP(name) SEC("struct_ops/" #name) s64 shim_op_##name(u64 *ctx)
#define TASK ((struct task_struct *)ctx[0])

INLINE bool bypasses(struct task_struct *p) {
  struct agent_shim *s = shim();
  u32 process = p->tgid;
  if (s && process && (process == s->agent_pid || process == s->supervisor_pid || process == s->next_pid)) return true;
  return (p->flags & kFlagKthread) && p->nr_cpus_allowed == 1;
}

INLINE void note_mask(struct agent_task *t, struct task_struct *p) {
  u64 words[AGENT_CPU_WORDS] = {};
  struct bpf_iter_num it;
  s32 *i;
  u32 n = 0;
  bpf_iter_num_new(&it, 0, shim_cpus);
  while ((i = bpf_iter_num_next(&it))) {
    u32 cpu = *i;
    barrier_var(cpu);
    if (cpu >= AGENT_MAX_CPUS || !bpf_cpumask_test_cpu(cpu, p->cpus_ptr)) continue;
    words[(cpu / 64) & (AGENT_CPU_WORDS - 1)] |= 1ull << (cpu & 63);
    n++;
  }
  bpf_iter_num_destroy(&it);
  for (u32 w = 0; w < AGENT_CPU_WORDS; w++) t->allowed[w] = words[w];
  t->nr_allowed = n;
}

INLINE void note_name(struct agent_task *t, struct task_struct *p) {
  u32 hash = 2166136261u;
  bool more = true;
#pragma unroll
  for (int i = 0; i < 15; i++) {
    u8 c = p->comm[i];
    more = more && c;
    if (more) hash = (hash ^ c) * 16777619u;
  }
  t->comm = hash;
}

INLINE void note_times(struct agent_task *t, struct task_struct *p) {
  t->run_total = p->se.sum_exec_runtime;
  t->wait_total = p->sched_info.run_delay;
}

// To the head of its CPU's queue, and at once.
INLINE void cut_in(struct task_struct *p) {
  s32 cpu = scx_bpf_task_cpu(p);
  struct rq *rq = scx_bpf_cpu_rq(cpu);
  if (rq) {
    struct task_struct *curr = rq->curr;
    u32 slot = curr->pid & shim_task_mask;
    struct agent_task *t = bpf_map_lookup_elem(&agent_tasks, &slot);
    struct cpu_slot *c = cpu_slot(cpu);
    if (t && t->pid == curr->pid && curr->pid && t->state == kTaskOnCpu && !t->bypass && c->cut_pid != t->pid) {
      u64 ran = bpf_ktime_get_ns() - t->started_at;
      c->cut_slice = t->turn > ran ? t->turn - ran : 1;
      c->cut_pid = t->pid;
    }
  }
  insert(p, DSQ_LOCAL, SLICE_DEFAULT, ENQ_HEAD | ENQ_PREEMPT);
}

OP(select_cpu) {
  struct task_struct *p = TASK;
  s32 prev = ctx[1];
  u64 wake_flags = ctx[2];
  struct agent_task *t = task_slot(p);
  struct agent_shim *s = shim();
  if (!t || !s) return prev;
  t->bypass = bypasses(p);
  if (served(s) && !t->bypass) {
    t->wake = (u32)wake_flags + 1;
    return prev;
  }
  bool idle = false;
  s32 cpu = scx_bpf_select_cpu_dfl(p, prev, wake_flags, &idle);
  // In the fallback the queue is the same for all, so that nobody is overtaken for ever.
  if (idle && t->bypass) insert(p, DSQ_LOCAL, SLICE_DEFAULT, 0);
  else if (p->tgid == (s32)s->agent_pid) cpu = bpf_cpumask_test_cpu(bpf_get_smp_processor_id(), p->cpus_ptr) ? (s32)bpf_get_smp_processor_id() : cpu;  // here is nearest
  else if (idle) scx_bpf_kick_cpu(cpu, 0);
  return cpu;
}

OP(enqueue) {
  struct task_struct *p = TASK;
  u64 flags = ctx[1];
  struct agent_task *t = task_slot(p);
  struct agent_shim *s = shim();
  if (!t || !s) {
    insert(p, DSQ_LOCAL, SLICE_DEFAULT, flags);
    return 0;
  }
  t->bypass = bypasses(p);
  s32 cpu = scx_bpf_task_cpu(p);
  struct cpu_slot *c = cpu_slot(cpu);
  t->cpu = cpu;
  if (t->bypass) {
    // When it wakes up. One that has used a whole slice is treated as anybody, so that nobody starves.
    if (flags & ENQ_WAKEUP) cut_in(p);
    else insert(p, DSQ_LOCAL, SLICE_DEFAULT, 0);
    return 0;
  }
  if (t->hidden) {
    c->cut_pid = 0;
    t->state = kTaskPlaced;
    // With nothing but the one that cuts in before it, so that dispatch comes next and reads what the agent decides.
    insert(p, scx_bpf_dsq_nr_queued(DSQ_LOCAL_ON | (u32)cpu) > 1 ? DSQ_LOCAL : CUT(cpu), c->cut_slice, 0);
    return 0;
  }
  if (flags & ENQ_WAKEUP) {
    t->nr_wakeups++;
    t->waker = bpf_get_current_task_btf()->pid;
  }
  note_times(t, p);
  t->seq++;
  t->enqueued_at = bpf_ktime_get_ns();
  t->state = kTaskWaiting;
  insert(p, HOLD, SLICE_DEFAULT, 0);
  emit(t, kEventEnqueue, cpu, flags, t->waker, 0, true);
  t->wake = 0;
  if (served(s)) return 0;
  s32 idle = scx_bpf_pick_idle_cpu(p->cpus_ptr, 0);
  if (idle >= 0) scx_bpf_kick_cpu(idle, 0);
  return 0;
}

// What was cut off goes on, or comes to enqueue if another shall preempt it.
INLINE void resume_cut(s32 cpu, struct cpu_slot *c) {
  struct bpf_iter_scx_dsq it;
  struct task_struct *p;
  bool displaced = c->displaced;
  bpf_iter_scx_dsq_new(&it, CUT(cpu), 0);
  while ((p = bpf_iter_scx_dsq_next(&it))) {
    struct agent_task *t = task_slot(p);
    if (!t) continue;
    if (!displaced) {
      move(&it, p, DSQ_LOCAL_ON | (u32)cpu, p->scx.slice, ENQ_HEAD);
      continue;
    }
    t->hidden = 0;
    if (!move(&it, p, HOLD, SLICE_DEFAULT, 0)) continue;
    note_times(t, p);
    emit(t, kEventStopping, cpu, 0, 1, 0, false);
    t->seq++;
    t->enqueued_at = bpf_ktime_get_ns();
    t->state = kTaskWaiting;
    emit(t, kEventEnqueue, cpu, 0, 0, 0, true);
  }
  bpf_iter_scx_dsq_destroy(&it);
}

OP(dispatch) {
  s32 cpu = ctx[0];
  struct task_struct *prev = (struct task_struct *)ctx[1];
  struct agent_shim *s = shim();
  struct cpu_slot *c = cpu_slot(cpu);
  if (!s) return 0;
  bool again = prev && (prev->scx.flags & kTaskQueued);
  u32 yielded = c->yielded;
  c->yielded = 0;
  drain(s);
  if (scx_bpf_dsq_nr_queued(CUT(cpu)) > 0) resume_cut(cpu, c);
  c->displaced = 0;
  if (scx_bpf_dsq_nr_queued(DSQ_LOCAL_ON | (u32)cpu) > 0) return 0;
  struct agent_task *t = again ? task_slot(prev) : NULL;
  if (t && t->bypass) {
    prev->scx.slice = SLICE_DEFAULT;
    return 0;
  }
  if (!served(s)) {
    if (take_held()) add(&s->fallback_tasks);
    else if (again) prev->scx.slice = shim_grace_ns;
    return 0;
  }
  if (!t) return 0;
  if (c->cut_pid == t->pid) {  // a bypassing task wanted to cut in and went elsewhere
    prev->scx.slice = c->cut_slice;
    c->cut_pid = 0;
    return 0;
  }
  // The turn is over and nobody else is here. One that yields waits for the decision, another goes on meanwhile.
  note_times(t, prev);
  if (!yielded) {
    prev->scx.slice = shim_grace_ns;
    t->turn = shim_grace_ns;
    t->started_at = bpf_ktime_get_ns();
  }
  emit(t, kEventTurnOver, cpu, 0, yielded, 0, true);
  return 0;
}

OP(running) {
  struct task_struct *p = TASK;
  struct agent_task *t = task_slot(p);
  if (!t) return 0;
  s32 cpu = scx_bpf_task_cpu(p);
  struct cpu_slot *c = cpu_slot(cpu);
  t->cpu = cpu;
  t->state = kTaskOnCpu;
  t->turn = p->scx.slice;
  t->started_at = bpf_ktime_get_ns();
  if (t->bypass) return 0;
  c->cut_pid = 0;
  c->told_idle = 0;
  if (t->hidden) {
    t->hidden = 0;
    return 0;
  }
  note_times(t, p);
  emit(t, kEventRunning, cpu, 0, 0, p->scx.slice, false);
  return 0;
}

OP(stopping) {
  struct task_struct *p = TASK;
  bool runnable = ctx[1];
  struct agent_task *t = task_slot(p);
  struct agent_shim *s = shim();
  if (!t || !s) return 0;
  s32 cpu = scx_bpf_task_cpu(p);
  t->state = runnable ? kTaskPlaced : kTaskSleeping;
  if (t->bypass) {
    // The agent stops: what it has decided is read next by this CPU, unless that has other things to do.
    if (p->tgid == (s32)s->agent_pid && (runnable || scx_bpf_dsq_nr_queued(DSQ_LOCAL_ON | (u32)cpu) > 0)) kick_wanted(cpu);
    return 0;
  }
  if (runnable && cpu_slot(cpu)->cut_pid == p->pid) {
    t->hidden = 1;
    return 0;
  }
  note_times(t, p);
  u32 yielded = cpu_slot(cpu)->yielded;  // and dispatch was not asked, as another task waits in the local queue
  cpu_slot(cpu)->yielded = 0;
  emit(t, kEventStopping, cpu, 0, runnable | yielded << 1, p->scx.slice, false);
  return 0;
}

OP(quiescent) {
  struct agent_task *t = task_slot(TASK);
  if (!t) return 0;
  t->state = kTaskSleeping;
  if (t->hidden) {
    t->hidden = 0;
    cpu_slot(t->cpu)->cut_pid = 0;
  }
  if (t->bypass) return 0;
  emit(t, kEventQuiescent, t->cpu, ctx[1], 0, 0, false);
  return 0;
}

OP(tick) {
  struct task_struct *p = TASK;
  struct agent_task *t = task_slot(p);
  struct agent_control *c = control();
  if (!t || !c || t->bypass) return 0;
  u64 left = p->scx.slice;
  t->turn = left;
  t->started_at = bpf_ktime_get_ns();
  bool ends = left && left <= shim_tick_ns;
  if (!ends && !c->wants_ticks) return 0;
  note_times(t, p);
  emit(t, kEventTick, t->cpu, 0, ends, left, true);
  return 0;
}

OP(yield) {
  struct task_struct *p = TASK;
  struct agent_task *t = task_slot(p);
  if (t && t->bypass) {
    kick_wanted(scx_bpf_task_cpu(p));  // the agent's way of saying that it has decided
    return 0;
  }
  cpu_slot(scx_bpf_task_cpu(p))->yielded = 1;
  p->scx.slice = 0;
  return 0;
}

OP(update_idle) {
  s32 cpu = ctx[0];
  bool idle = ctx[1];
  struct cpu_slot *c = cpu_slot(cpu);
  // Told once for every task that the agent knows of: the agent's own comings and goings are not its business, or
  // it would wake itself for ever.
  if (!idle || c->told_idle) return 0;
  c->told_idle = 1;
  emit(NULL, kEventIdle, cpu, 0, 0, 0, scx_bpf_dsq_nr_queued(HOLD) > 0);
  return 0;
}

OP(init_task) {
  struct task_struct *p = TASK;
  struct agent_task *t = task_slot(p);
  if (!t) return -kEnoMem;
  u32 nr = t->nr;
  u64 seq = t->seq;
  __builtin_memset(t, 0, sizeof *t);
  t->nr = nr;  // numbers go on, should an event of the former owner still be on its way
  t->seq = seq;
  t->pid = p->pid;
  t->tgid = p->tgid;
  t->weight = p->scx.weight;
  t->cpu = scx_bpf_task_cpu(p);
  note_name(t, p);
  note_mask(t, p);
  note_times(t, p);
  t->task = (u64)p;
  mark_used(p->pid, true);
  emit(t, kEventInit, t->cpu, 0, 0, 0, false);
  return 0;
}
OP(enable) {
  struct task_struct *p = TASK;
  struct agent_task *t = task_slot(p);
  if (!t) return 0;
  t->enabled = 1;
  t->weight = p->scx.weight;
  emit(t, kEventEnable, t->cpu, 0, 0, 0, false);
  return 0;
}
OP(disable) {
  struct task_struct *p = TASK;
  struct agent_task *t = task_slot(p);
  if (!t || t->task != (u64)p) return 0;
  t->enabled = 0;
  emit(t, kEventDisable, t->cpu, 0, 0, 0, false);
  return 0;
}
OP(exit_task) {
  struct task_struct *p = TASK;
  struct agent_task *t = task_slot(p);
  if (!t || t->task != (u64)p) return 0;  // its pid has a new owner
  t->task = 0;
  t->state = kTaskSleeping;
  mark_used(t->pid, false);
  emit(t, kEventExit, t->cpu, 0, 0, 0, false);
  return 0;
}
OP(set_weight) {
  struct agent_task *t = task_slot(TASK);
  if (!t) return 0;
  t->weight = ctx[1];
  emit(t, kEventWeight, t->cpu, 0, ctx[1], 0, false);
  return 0;
}
OP(set_cpumask) {
  struct task_struct *p = TASK;
  struct agent_task *t = task_slot(p);
  if (!t) return 0;
  note_mask(t, p);
  emit(t, kEventCpumask, t->cpu, 0, 0, 0, false);
  return 0;
}

static int on_timer(void *map, void *key, void *value) {
  struct timer_slot *timer = value;
  struct agent_shim *s = shim();
  struct agent_control *c = control();
  if (s && c) {
    if (!s->agent_pid || silent(s, bpf_ktime_get_ns())) {
      if (!s->fallback) {
        s->fallback = 1;
        add(&s->fallbacks);
      }
    } else if (s->fallback) {
      s->fallback = 0;
      tell(NULL, kEventResync, 0, 0, 0, 0, true);
    }
    if (s->fallback && s->agent_pid && *(volatile unsigned *)&c->sleeping) tell(NULL, kEventResync, 0, 0, 0, 0, true);
    // In the fallback somebody has to take what waits; otherwise a decision that was missed is read now.
    if (s->fallback || c->sent != s->decisions) kick_all_idle();
  }
  bpf_timer_start(&timer->timer, shim_timeout_ns / 2, 0);
  return 0;
}

SEC("struct_ops.s/init") s64 shim_op_init(u64 *ctx) {
  struct timer_slot *t = bpf_map_lookup_elem(&shim_timers, &zero);
  struct agent_shim *s = shim();
  if (!t || !s) return -kEnoMem;
  s->fallback = 1;
  bpf_timer_init(&t->timer, &shim_timers, kClockMonotonic);
  bpf_timer_set_callback(&t->timer, on_timer);
  bpf_timer_start(&t->timer, shim_timeout_ns / 2, 0);
  s32 error = scx_bpf_create_dsq(HOLD, -1);
  struct bpf_iter_num it;
  s32 *i;
  bpf_iter_num_new(&it, 0, shim_cpus);
  while (!error && (i = bpf_iter_num_next(&it))) error = scx_bpf_create_dsq(CUT(*i), -1);
  bpf_iter_num_destroy(&it);
  return error;
}
OP(exit) {
  record_exit((void *)ctx[0]);
  return 0;
}

SEC(".struct_ops.link") struct sched_ext_ops shim_ops = {
  .select_cpu = (void *)shim_op_select_cpu,
  .enqueue = (void *)shim_op_enqueue,
  .dispatch = (void *)shim_op_dispatch,
  .tick = (void *)shim_op_tick,
  .running = (void *)shim_op_running,
  .stopping = (void *)shim_op_stopping,
  .quiescent = (void *)shim_op_quiescent,
  .yield = (void *)shim_op_yield,
  .set_weight = (void *)shim_op_set_weight,
  .set_cpumask = (void *)shim_op_set_cpumask,
  .update_idle = (void *)shim_op_update_idle,
  .init_task = (void *)shim_op_init_task,
  .exit_task = (void *)shim_op_exit_task,
  .enable = (void *)shim_op_enable,
  .disable = (void *)shim_op_disable,
  .init = (void *)shim_op_init,
  .exit = (void *)shim_op_exit,
  .flags = kKeepBuiltinIdle | kEnqLast,
  .timeout_ms = 5000,
  .name = "osevolve_agent",
};
