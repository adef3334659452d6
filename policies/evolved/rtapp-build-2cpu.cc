// First come, first served: one shared queue, long slices. The smallest complete policy;
// copy it to start your own. The kernel's own specimen of the same idea is
// tools/sched_ext/scx_simple.bpf.c with -f.
#include <osevolve/policy.h>
using namespace osevolve;

TUNABLE(slice_ns, 68'636'894, 100'000, 1'000'000'000)
// EVOLVE-BLOCK-START tunables
// EVOLVE-BLOCK-END

struct FifoTask {
  // EVOLVE-BLOCK-START task_state
  u64 run_at_wake;  // run_total() when it was last woken
  // EVOLVE-BLOCK-END
};

struct FifoCpu {
  // EVOLVE-BLOCK-START cpu_state
  // EVOLVE-BLOCK-END
};

struct Fifo : Policy<FifoTask, FifoCpu> {
  static constexpr DsqId kQueue = 0;

  s32 init() {
    s32 error = dsq_create(kQueue);
    // EVOLVE-BLOCK-START init
    // EVOLVE-BLOCK-END
    return error;
  }

  void enqueue(Task t, u64 enq_flags) {
    // EVOLVE-BLOCK-START enqueue
    if (dsq_nr_queued(kQueue) > 0 && (t.run_total() - t->run_at_wake) < 55'000ULL) kick_cpu(t.cpu(), kKickPreempt);
    t.insert(kQueue, slice_ns, enq_flags);
    // EVOLVE-BLOCK-END
  }

  void dispatch(s32 cpu) {
    // EVOLVE-BLOCK-START dispatch
    dsq_move_to_local(kQueue);
    // EVOLVE-BLOCK-END
  }

  // EVOLVE-BLOCK-START hooks
  void runnable(Task t, u64 enq_flags) {
    if (enq_flags & kEnqWakeup) t->run_at_wake = t.run_total();
  }
  void running(Task t) {
    if (!((t.run_total() - t->run_at_wake) < 55'000ULL)) kick_cpu(t.cpu(), kKickPreempt);
  }
  // EVOLVE-BLOCK-END
};

OSEVOLVE_POLICY(Fifo, "fifo")
