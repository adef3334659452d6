// Non-preemptive priority by weight: a task goes before all that weigh less and wait, but takes the CPU
// from nobody; equals are served in order of arrival.
//
// Source: A. Cobham, "Priority assignment in waiting line problems", Operations Research 2(1), 1954. Strict
// priorities starve whom they serve last, and the kernel ejects a policy that does, so priority is a head
// start in time: each unit of weight is worth lead_ns of waiting (L. Kleinrock, "A delay dependent
// queue discipline", Naval Research Logistics Quarterly 11, 1964). With the default a task of weight 200
// overtakes one of weight 100 that came up to 100 ms before it, and 10 s is the most by which anybody is.
#include <osevolve/policy.h>
using namespace osevolve;

TUNABLE(lead_ns, 1'000'000, 0, 1'000'000)             // of each unit of weight
TUNABLE(slice_ns, 20'000'000, 100'000, 1'000'000'000)  // after it a task waits like one that arrives
// EVOLVE-BLOCK-START tunables
// EVOLVE-BLOCK-END

struct PriorityTask {
  // EVOLVE-BLOCK-START task_state
  // EVOLVE-BLOCK-END
};

struct PriorityCpu {
  // EVOLVE-BLOCK-START cpu_state
  // EVOLVE-BLOCK-END
};

struct Priority : Policy<PriorityTask, PriorityCpu> {
  static constexpr DsqId kQueue = 0;

  s32 init() {
    s32 error = dsq_create(kQueue);
    // EVOLVE-BLOCK-START init
    if (error == 0) error = dsq_create(kSecond);
    // EVOLVE-BLOCK-END
    return error;
  }

  s32 select_cpu(Task t, s32 prev, u64 wake_flags) {
    // EVOLVE-BLOCK-START select_cpu
    bool idle = false;
    s32 cpu = t.select_dfl(prev, wake_flags, idle);
    if (idle) t.insert(kDsqLocal, slice_ns);
    return cpu;
    // EVOLVE-BLOCK-END
  }

  void enqueue(Task t, u64 enq_flags) {
    // EVOLVE-BLOCK-START enqueue
    if (t.waker() != 0) {
      t.insert(kSecond, kSliceInfinite, enq_flags);
      return;
    }
    u64 behind = static_cast<u64>(lead_ns) * (10'000 - min(t.weight(), 10'000u));
    t.insert_vtime(kQueue, slice_ns, now() + behind, enq_flags);
    // EVOLVE-BLOCK-END

    // EVOLVE-BLOCK-START kick_idle
    // A task that comes back after its slice finds an idle CPU only when a pinned one took its place.
    if (!(enq_flags & kEnqWakeup)) {
      s32 idle = t.pick_idle();
      if (idle >= 0) kick_cpu(idle, kKickIdle);
    }
    // EVOLVE-BLOCK-END
  }

  void dispatch(s32 cpu) {
    // EVOLVE-BLOCK-START dispatch
    if (dsq_move_to_local(kSecond)) return;
    if (dsq_move_to_local(kQueue)) keep_running(slice_ns);
    // EVOLVE-BLOCK-END
  }

  // EVOLVE-BLOCK-START hooks
  static constexpr DsqId kSecond = 2000000;  // a class of its own
  // EVOLVE-BLOCK-END
};

OSEVOLVE_POLICY(Priority, "priority")
