// First come, first served: one shared queue, long slices. The smallest complete policy;
// copy it to start your own. The kernel's own specimen of the same idea is
// tools/sched_ext/scx_simple.bpf.c with -f.
#include <osevolve/policy.h>
using namespace osevolve;

TUNABLE(slice_ns, 20'000'000, 100'000, 1'000'000'000)
// EVOLVE-BLOCK-START tunables
// EVOLVE-BLOCK-END

struct FifoTask {
  // EVOLVE-BLOCK-START task_state
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
    s32 victim = t.allowed(this_cpu()) ? this_cpu() : -1;
    t.insert(local_on(victim), slice_ns, enq_flags | kEnqPreempt);
    // EVOLVE-BLOCK-END
  }

  void dispatch(s32 cpu) {
    // EVOLVE-BLOCK-START dispatch
    dsq_move_to_local(kQueue);
    // EVOLVE-BLOCK-END
  }

  // EVOLVE-BLOCK-START hooks
  // EVOLVE-BLOCK-END
};

OSEVOLVE_POLICY(Fifo, "fifo")
