// First come, first served: one shared queue, long slices. The smallest complete policy;
// copy it to start your own. The kernel's own specimen of the same idea is
// tools/sched_ext/scx_simple.bpf.c with -f.
#include <osevolve/policy.h>
using namespace osevolve;

TUNABLE(slice_ns, 7'816'949, 100'000, 1'000'000'000)
// EVOLVE-BLOCK-START tunables
// EVOLVE-BLOCK-END

struct FifoTask {
  // EVOLVE-BLOCK-START task_state
  // EVOLVE-BLOCK-END
};

struct FifoCpu {
  // EVOLVE-BLOCK-START cpu_state
  u64 stopped_at;  // when it last stopped running a task
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
    t.insert(kQueue, slice_ns, enq_flags);
    // EVOLVE-BLOCK-END
  }

  void dispatch(s32 cpu) {
    // EVOLVE-BLOCK-START dispatch
    if (dsq_nr_queued(kQueue) == 0 && (dsq_nr_queued(kQueue) == 0)) kick_cpu(this_cpu(), 0);
    dsq_move_to_local(kQueue);
    // EVOLVE-BLOCK-END
  }

  // EVOLVE-BLOCK-START hooks
  void stopping(Task t, bool runnable) {
    cpu_state(t.cpu()).stopped_at = now();
  }
  s32 select_cpu(Task t, s32 prev, u64 wake_flags) {
    s32 cpu = (t.allowed(prev) || claim_idle(prev)) ? prev : t.pick_idle();
    if ((dsq_nr_queued(kQueue) == 0)) kick_cpu(this_cpu(), 0);
    t.insert(kDsqLocal, 16'000'000ULL);
    return cpu;
  }
  // EVOLVE-BLOCK-END
};

OSEVOLVE_POLICY(Fifo, "fifo")
