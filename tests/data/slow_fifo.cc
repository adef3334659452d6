// First come, first served, with slices that are much too long: easy to improve.
#include <osevolve/policy.h>
using namespace osevolve;

TUNABLE(slice_ns, 100'000'000, 1'000'000, 200'000'000)

struct SlowFifo : Policy<> {
  static constexpr DsqId kQueue = 0;

  s32 init() { return dsq_create(kQueue); }

  s32 select_cpu(Task t, s32 prev, u64 wake_flags) { return prev; }

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

OSEVOLVE_POLICY(SlowFifo, "slow_fifo")
