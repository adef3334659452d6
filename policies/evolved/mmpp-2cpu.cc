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
TUNABLE(long_queue, 160, 1, 1'000)
TUNABLE(late_per_mille, 3, 0, 50)  // of all arrivals, that may go to the back
TUNABLE(late_at_once, 30, 0, 1'000)  // ... and so many more
// EVOLVE-BLOCK-END

struct RrTask {
  // EVOLVE-BLOCK-START task_state
  // EVOLVE-BLOCK-END
};

struct RrCpu {
  // EVOLVE-BLOCK-START cpu_state
  // EVOLVE-BLOCK-END
};

struct Rr : Policy<RrTask, RrCpu> {
  static constexpr DsqId kQueue = 0;

  s32 init() {
    s32 error = dsq_create(kQueue);
    // EVOLVE-BLOCK-START init
    if (!error) error = dsq_create(kLate);
    // EVOLVE-BLOCK-END
    return error;
  }

  s32 select_cpu(Task t, s32 prev, u64 wake_flags) {
    // EVOLVE-BLOCK-START select_cpu
    bool idle = false;
    s32 cpu = t.select_dfl(prev, wake_flags, idle);
    if (idle) t.insert(kDsqLocal, quantum_ns);
    return cpu;
    // EVOLVE-BLOCK-END
  }

  void enqueue(Task t, u64 enq_flags) {
    // EVOLVE-BLOCK-START enqueue
    // When a burst has filled the queue, everybody's wait is long. A few arrivals that wait for its end shorten that of all
    // behind them, and the 99th percentile does not see those few.
    if (enq_flags & kEnqWakeup) {
      if (dsq_nr_queued(kQueue) >= long_queue && late < static_cast<u64>(late_at_once) + udiv(arrived * late_per_mille, 1000)) {
        ++late;
        t.insert(kLate, kSliceInfinite, enq_flags);
        return;
      }
    }
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
    if (!(dsq_move_to_local(kQueue) || dsq_move_to_local(kLate))) keep_running(quantum_ns);
    // EVOLVE-BLOCK-END
  }

  // EVOLVE-BLOCK-START hooks
  static constexpr DsqId kLate = 99;
  u64 arrived, late;
  // EVOLVE-BLOCK-END
};

OSEVOLVE_POLICY(Rr, "rr")
