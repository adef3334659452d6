// First come, first served: one shared queue, long slices. The smallest complete policy;
// copy it to start your own. The kernel's own specimen of the same idea is
// tools/sched_ext/scx_simple.bpf.c with -f.
#include <osevolve/policy.h>
using namespace osevolve;

TUNABLE(slice_ns, 20'000'000, 100'000, 1'000'000'000)
// EVOLVE-BLOCK-START tunables
TUNABLE(turn_ns, 14'000, 100, 1'000'000'000)
TUNABLE(ahead_ns, 5'200'000, 100, 1'000'000'000)
// EVOLVE-BLOCK-END

struct FifoTask {
  // EVOLVE-BLOCK-START task_state
  // EVOLVE-BLOCK-END
};

struct FifoCpu {
  // EVOLVE-BLOCK-START cpu_state
  u64 turn_began;  // when the turn of what runs here began, 0: idle
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
    t.insert(kQueue, dsq_nr_queued(kQueue) >= 11 ? static_cast<u64>(turn_ns) : t.wait_total(), enq_flags);
    if (dsq_nr_queued(kQueue) >= 11) {
      s32 victim = -1;
      u64 earliest = now() - static_cast<u64>(ahead_ns);
      for_each_cpu([&](s32 c) {
        u64 since = cpu_state(c).turn_began;
        if (since == 0 || !before(since, earliest) || !(t.allowed(c))) return;
        victim = c;
      });
      if (victim == 0) {
        kick_cpu(victim, kKickPreempt);
      }
    }
    s32 victim = -1;
    u64 earliest = now() - static_cast<u64>(slice_ns);
    for_each_cpu([&](s32 c) {
      u64 since = cpu_state(c).turn_began;
    });
    // EVOLVE-BLOCK-END
  }

  void dispatch(s32 cpu) {
    // EVOLVE-BLOCK-START dispatch
    dsq_move_to_local(kQueue);
    // EVOLVE-BLOCK-END
  }

  // EVOLVE-BLOCK-START hooks
  void running(Task t) {
    cpu_state(t.cpu()).turn_began = now();
  }
  void stopping(Task t, bool runnable) {
  }
  // EVOLVE-BLOCK-END
};

OSEVOLVE_POLICY(Fifo, "fifo")
