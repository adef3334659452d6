// Weighted virtual time on one shared queue: each task's vtime advances by the CPU time it used
// divided by its weight, and the task that is furthest behind runs next.
//
// Source: Linux tools/sched_ext/scx_simple.bpf.c (6.12), its vtime mode, function by function:
// simple_select_cpu, simple_enqueue, simple_dispatch, simple_running, simple_stopping,
// simple_enable. Three things differ. The time charged is measured, because what is left of the
// slice no longer tells it after a yield or a preemption. A task that gives way to a pinned one
// wakes an idle CPU. And a task that runs on gets slice_ns, not the default slice, should the
// two differ.
#include <osevolve/policy.h>
using namespace osevolve;

TUNABLE(slice_ns, 20'000'000, 100'000, 1'000'000'000)  // SCX_SLICE_DFL
TUNABLE(max_lag_ns, 20'000'000, 0, 1'000'000'000)      // credit that a sleeper may keep
// EVOLVE-BLOCK-START tunables
// EVOLVE-BLOCK-END

struct VtimeTask {
  u64 charged;   // run_total() that vtime accounts for
  u64 last_run;  // CPU time of its last turn
  // EVOLVE-BLOCK-START task_state
  // EVOLVE-BLOCK-END
};

struct VtimeCpu {
  // EVOLVE-BLOCK-START cpu_state
  // EVOLVE-BLOCK-END
};

struct Vtime : Policy<VtimeTask, VtimeCpu> {
  static constexpr DsqId kQueue = 0;

  // Vtime of the task that is furthest ahead among those that ran. Several CPUs write it and a
  // race may set it back a little: harmless, as in scx_simple.
  u64 vtime_now;

  s32 init() {
    s32 error = dsq_create(kQueue);
    // EVOLVE-BLOCK-START init
    // EVOLVE-BLOCK-END
    return error;
  }

  void enable(Task t) {
    t.set_vtime(vtime_now);
    t->charged = t.run_total();
  }

  s32 select_cpu(Task t, s32 prev, u64 wake_flags) {
    // EVOLVE-BLOCK-START select_cpu
    bool idle = false;
    s32 cpu = t.select_dfl(prev, wake_flags, idle);
    if (idle) t.insert(kDsqLocal, slice_ns);
    return cpu;
    // EVOLVE-BLOCK-END
  }

  void enqueue(Task t, u64 enq_flags) {
    u64 vtime = t.vtime();
    // EVOLVE-BLOCK-START limit_lag
    // Limit the credit of a long sleeper to one slice.
    u64 earliest = vtime_now - static_cast<u64>(max_lag_ns);
    if (before(vtime, earliest)) vtime = earliest;
    // EVOLVE-BLOCK-END

    // EVOLVE-BLOCK-START enqueue
    t.insert_vtime(kQueue, slice_ns, vtime, enq_flags);
    // EVOLVE-BLOCK-END

    // EVOLVE-BLOCK-START kick_idle
    // After a long turn only: whoever yields in a loop would pay for the search each time.
    if (!(enq_flags & kEnqWakeup) && t->last_run >= static_cast<u64>(slice_ns) / 2) {
      s32 idle = t.pick_idle();
      if (idle >= 0) kick_cpu(idle, kKickIdle);
    }
    // EVOLVE-BLOCK-END
  }

  void dispatch(s32 cpu) {
    // EVOLVE-BLOCK-START dispatch
    if (!dsq_move_to_local(kQueue)) keep_running(slice_ns);
    // EVOLVE-BLOCK-END
  }

  void running(Task t) {
    // EVOLVE-BLOCK-START advance_vtime
    // Global vtime always progresses as tasks start executing.
    if (before(vtime_now, t.vtime())) vtime_now = t.vtime();
    // EVOLVE-BLOCK-END
  }

  void stopping(Task t, bool runnable) {
    u64 used = t.run_total() - t->charged;
    t->charged += used;
    t->last_run = used;
    // EVOLVE-BLOCK-START charge
    // Scale the execution time by the inverse of the weight.
    t.set_vtime(t.vtime() + udiv(used * 100, t.weight()));
    // EVOLVE-BLOCK-END
  }

  // EVOLVE-BLOCK-START hooks
  // EVOLVE-BLOCK-END
};

OSEVOLVE_POLICY(Vtime, "vtime")
