// First come, first served: one shared queue, long slices. The smallest complete policy;
// copy it to start your own. The kernel's own specimen of the same idea is
// tools/sched_ext/scx_simple.bpf.c with -f.
#include <osevolve/policy.h>
using namespace osevolve;

TUNABLE(slice_ns, 20'000'000, 100'000, 1'000'000'000)

struct Fifo : Policy<> {
  static constexpr DsqId kQueue = 0;

  s32 init() { return dsq_create(kQueue); }

  void enqueue(Task t, u64 enq_flags) {
    // EVOLVE-BLOCK-START enqueue
    t.insert(kQueue, slice_ns, enq_flags);
    // EVOLVE-BLOCK-END
  }

  void dispatch(s32 cpu) {
    // EVOLVE-BLOCK-START dispatch
    dsq_move_to_local(kQueue);
    // EVOLVE-BLOCK-END
  }
};

OSEVOLVE_POLICY(Fifo, "fifo")
