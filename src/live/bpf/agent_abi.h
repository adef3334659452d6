/* What the agent's shim in the kernel (shim.bpf.c) and the agent in user space say to each other. Plain C for both
 * sides. Times are ns of CLOCK_MONOTONIC; a CPU is its number.
 *
 *   agent_events     ring buffer, up: one agent_event per thing that happened to a task or a CPU, in order
 *   agent_decisions  user ring buffer, down: one agent_decision per thing to do
 *   agent_tasks      array by pid: the shim's view of every task; the agent reads it when it takes over
 *   agent_used       bit per slot of agent_tasks: there is a task
 *   agent_control    one element that the agent writes: sign of life, CPUs to wake
 *   agent_shim       one element that the supervisor writes and the shim counts in; out of the agent's reach
 *
 * Nothing that the agent writes is trusted: a decision is checked against the task's state, and a task that the
 * agent does not serve is served by the shim. */
#ifndef OSEVOLVE_LIVE_BPF_AGENT_ABI_H_
#define OSEVOLVE_LIVE_BPF_AGENT_ABI_H_

#define AGENT_MAX_CPUS 256
#define AGENT_CPU_WORDS (AGENT_MAX_CPUS / 64)
#define AGENT_MAX_TASKS 65536
#define AGENT_BUCKETS 256 /* of the latency histogram: eight per doubling, see agent_bucket() */

enum agent_event_kind {
  kEventInit = 1,  /* the task appeared; agent_tasks has the rest */
  kEventEnable,    /* it came under the policy */
  kEventDisable,
  kEventExit,
  kEventEnqueue,   /* it needs a decision; flags: enq_flags; arg: waker; wake: wake_flags + 1 if select_cpu ran, else 0 */
  kEventRunning,   /* slice: what it has */
  kEventStopping,  /* arg: 1 when it still wants the CPU, + 2 when it has yielded */
  kEventQuiescent, /* flags: deq_flags */
  kEventTick,      /* slice: what is left; arg: 1 when its turn ends with the next tick */
  kEventTurnOver,  /* its slice is used up and nothing else is there; arg: 1 when it yielded */
  kEventWeight,    /* arg: the weight */
  kEventCpumask,   /* agent_tasks has the mask */
  kEventIdle,      /* the CPU has nothing to run */
  kEventRejected,  /* a decision that came too early: decide again; seq: of the decision */
  kEventResync,    /* the shim has scheduled for a while and told nothing: agent_tasks has what is */
};

struct agent_event {
  unsigned long long time, seq, flags, run_total, wait_total, slice;
  unsigned nr; /* this task's events are numbered; see agent_task.nr */
  int pid, arg;
  unsigned wake;
  unsigned short kind, cpu /* the task's */, here /* where it happened */, pad;
};

enum agent_decision_kind {
  kDecideRun = 1,   /* the task's turn is next on `cpu`, if seq is still that of its enqueue */
  kDecideSlice,     /* of a running task */
};

struct agent_decision {
  unsigned long long seq, slice, flags /* SCX_ENQ_HEAD, SCX_ENQ_PREEMPT */, asked /* time of the event that led to it */;
  int pid, cpu;
  unsigned kind, pad;
};

enum agent_task_state { kTaskSleeping, kTaskWaiting /* for a decision */, kTaskPlaced /* in a CPU's queue */, kTaskOnCpu };

struct agent_task {
  unsigned long long task; /* who it is: differs from that of an earlier task with the same pid; 0: nobody */
  unsigned long long seq, enqueued_at, started_at, turn, run_total, wait_total, nr_wakeups;
  unsigned long long allowed[AGENT_CPU_WORDS];
  unsigned nr; /* events of this task so far: the view includes them all */
  int pid, tgid, cpu, waker;
  unsigned comm, weight, nr_allowed, state, wake, enabled;
  unsigned bypass; /* scheduled by the shim alone: the agent, its supervisor, kernel threads of one CPU */
  unsigned hidden; /* cut off by such a task, goes on after it: the policy is not told */
};

struct agent_used {
  unsigned long long bits[AGENT_MAX_TASKS / 64];
};

struct agent_control {
  unsigned long long heartbeat;
  unsigned long long sent; /* decisions so far */
  unsigned long long kick[AGENT_CPU_WORDS];
  unsigned sleeping; /* about to wait for events: wake it up */
  unsigned wants_ticks;
  /* For the report. */
  unsigned long long handled, deferred, resyncs, unplaced, took_over_at, stopped_at, first_decision_at;
  unsigned long long counters[64];
  unsigned upward[AGENT_BUCKETS]; /* enqueue events: from the kernel to the policy */
};

struct agent_shim {
  unsigned agent_pid, supervisor_pid; /* process ids; agent_pid 0: there is no agent */
  unsigned fallback;                  /* the shim schedules, since the agent does not answer */
  unsigned next_pid;                  /* the successor that gets ready: scheduled like the agent, so that it is soon */
  unsigned long long asked_since;     /* the first event that wants an answer since the agent's heartbeat */
  unsigned long long events, dropped, decisions, placed, stale, rejected, forbidden, fallbacks, fallback_tasks, busy;
  unsigned latency[AGENT_BUCKETS];    /* from an event in the kernel to a task placed by the decision that followed */
};

/* Eight buckets per doubling: 12 % wide. */
static inline __attribute__((always_inline)) unsigned agent_bucket(unsigned long long ns) {
  unsigned log = 0;
  if (ns < 8) return (unsigned)ns;
  if (ns >> 34) return AGENT_BUCKETS - 1;
  if (ns >> 32) log += 32;
  else {
    unsigned v = (unsigned)ns;
    if (v >> 16) { log += 16; v >>= 16; }
    if (v >> 8) { log += 8; v >>= 8; }
    if (v >> 4) { log += 4; v >>= 4; }
    if (v >> 2) { log += 2; v >>= 2; }
    if (v >> 1) log += 1;
  }
  if (ns >> 33) log = 33;
  /* log is 3 to 33 here; the mask says so to whoever cannot see it, such as the verifier. */
  return (log - 2) * 8 + (unsigned)((ns >> ((log - 3) & 31)) & 7);
}

#endif /* OSEVOLVE_LIVE_BPF_AGENT_ABI_H_ */
