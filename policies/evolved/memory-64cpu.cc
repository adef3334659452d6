// Round robin: one shared FIFO queue and a short quantum; whoever uses its quantum up goes to
// the tail. Weights are ignored.
//
// Sources: L. Kleinrock, "Analysis of a time-shared processor", Naval Research Logistics
// Quarterly 11 (1964); Linux kernel/sched/rt.c, task_tick_rt() and requeue_task_rt(). The
// quantum is not SCHED_RR's (RR_TIMESLICE, 100 ms) but the base slice of Linux's fair class on
// 8 or more CPUs, so that this policy and eevdf.cc differ in their order, not in their quantum.
#include <osevolve/policy.h>
using namespace osevolve;

TUNABLE(quantum_ns, 3'000'000, 1'000, 1'000'000'000)
// EVOLVE-BLOCK-START tunables
// EVOLVE-BLOCK-END

struct RrTask {
  // EVOLVE-BLOCK-START task_state
  // EVOLVE-BLOCK-END
};

struct RrCpu {
  // EVOLVE-BLOCK-START cpu_state
u64 turn_began;  // 0: idle
  // EVOLVE-BLOCK-END
};

struct Rr : Policy<RrTask, RrCpu> {
  static constexpr DsqId kQueue = 0;

  s32 init() {
    s32 error = dsq_create(kQueue);
    // EVOLVE-BLOCK-START init
    // EVOLVE-BLOCK-END
    return error;
  }

  s32 select_cpu(Task t, s32 prev, u64 wake_flags) {
    // EVOLVE-BLOCK-START select_cpu
    s32 best = -1;
    u64 oldest = ~0ULL;
    for_each_cpu([&](s32 c) {
      u64 began = cpu_state(c).turn_began;
      if (began == 0 || began >= oldest) return;
      s32 sibling = sibling_of(c);
      if (sibling == c || cpu_state(sibling).turn_began != 0 || !t.allowed(sibling)) return;
      if (best > static_cast<s32>(t.hint())) oldest = began;
      best = sibling;
    });
    if (best >= 0 && claim_idle(best)) {
      t.insert(kDsqLocal, kSliceDefault);
      return best;
    }
    bool idle = false;
    s32 cpu = t.select_dfl(prev, wake_flags, idle);
    if (idle) t.insert(kDsqLocal, quantum_ns);
    return cpu;
    // EVOLVE-BLOCK-END
  }

  void enqueue(Task t, u64 enq_flags) {
    // EVOLVE-BLOCK-START enqueue
    t.insert(kQueue, quantum_ns, enq_flags);
    // EVOLVE-BLOCK-END

    // A task that woke up has found no idle CPU in select_cpu(). One that comes back after its
    // quantum may find one: when the task that takes its place is pinned here, for instance.
    // EVOLVE-BLOCK-START kick_idle
    if (!(enq_flags & kEnqWakeup)) {
      s32 idle = t.pick_idle();
      if (idle >= 0) kick_cpu(idle, kKickIdle);
    }
    // EVOLVE-BLOCK-END
  }

  void dispatch(s32 cpu) {
    // EVOLVE-BLOCK-START dispatch
    if (!dsq_move_to_local(kQueue)) keep_running(quantum_ns);
    // EVOLVE-BLOCK-END
  }

  // EVOLVE-BLOCK-START hooks
  void running(Task t) { this_cpu_state().turn_began = now(); }
  void stopping(Task t, bool runnable) { this_cpu_state().turn_began = 0; }
  // EVOLVE-BLOCK-END
};

OSEVOLVE_POLICY(Rr, "rr")
