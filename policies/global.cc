// The kernel's global queue and nothing of one's own: first come, first served with long slices, as fifo, but without a dispatch
// hook, since a CPU that runs dry looks into that queue by itself. Where tasks yield or switch every few hundred
// nanoseconds a hook is most of what a scheduler can save; where they do not, this is fifo.
//
// Source: SCX_DSQ_GLOBAL and balance_one() in kernel/sched/ext.c (Linux 6.12); the default of every operation that a
// sched_ext scheduler leaves out.
#include <osevolve/policy.h>
using namespace osevolve;

TUNABLE(slice_ns, 20'000'000, 100'000, 1'000'000'000)
// EVOLVE-BLOCK-START tunables
// EVOLVE-BLOCK-END

struct GlobalTask {
  // EVOLVE-BLOCK-START task_state
  // EVOLVE-BLOCK-END
};

struct GlobalCpu {
  // EVOLVE-BLOCK-START cpu_state
  // EVOLVE-BLOCK-END
};

struct Global : Policy<GlobalTask, GlobalCpu> {
  void enqueue(Task t, u64 enq_flags) {
    // EVOLVE-BLOCK-START enqueue
    t.insert(kDsqGlobal, slice_ns, enq_flags);
    // EVOLVE-BLOCK-END
  }

  // EVOLVE-BLOCK-START hooks
  // EVOLVE-BLOCK-END
};

OSEVOLVE_POLICY(Global, "global")
