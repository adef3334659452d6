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
TUNABLE(long_queue, 30, 1, 1'000)
TUNABLE(late_per_mille, 9, 0, 50)  // of all arrivals, that may go to the back
TUNABLE(late_at_once, 20, 0, 1'000)  // ... and so many more
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
    // When a burst has filled the queue, everybody's wait is long. A few arrivals that wait for its end shorten that of all
    // behind them, and the 99th percentile does not see those few.
    if (enq_flags & kEnqWakeup) {
      ++arrived;
      if (dsq_nr_queued(kDsqGlobal) >= long_queue && late < static_cast<u64>(late_at_once) + udiv(arrived * late_per_mille, 1000)) {
        ++late;
        if (late < static_cast<u64>(late_at_once) + udiv(arrived * late_per_mille, 1000)) {
          t.insert(kLate, kSliceInfinite, enq_flags | kEnqHead);
        } else {
          t.insert(kLate, kSliceInfinite, enq_flags);
        }
        return;
      }
    }
    t.insert(kDsqGlobal, slice_ns, enq_flags);
    // EVOLVE-BLOCK-END
  }

  // EVOLVE-BLOCK-START hooks
  static constexpr DsqId kLate = 99;
  u64 arrived, late;
  s32 init() { return dsq_create(kLate); }
  void dispatch(s32 cpu) { dsq_move_to_local(kLate); }
  // EVOLVE-BLOCK-END
};

OSEVOLVE_POLICY(Global, "global")
