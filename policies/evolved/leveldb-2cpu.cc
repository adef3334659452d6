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

TUNABLE(lead_ns, 745'800, 0, 1'000'000)             // of each unit of weight
TUNABLE(slice_ns, 12'540'000, 100'000, 1'000'000'000)  // after it a task waits like one that arrives
// EVOLVE-BLOCK-START tunables
TUNABLE(trial_ns, 3500, 100, 1'000'000'000)
TUNABLE(least_turn_ns, 29'000, 100, 1'000'000'000)
TUNABLE(later_ns, 120'000, 100, 1'000'000'000)
// EVOLVE-BLOCK-END

struct PriorityTask {
  // EVOLVE-BLOCK-START task_state
  u64 charged;  // run_total() that the virtual time accounts for
  u64 virtual_time;  // grows with use
  u64 run_at_wake;  // run_total() when it was last woken
  // EVOLVE-BLOCK-END
};

struct PriorityCpu {
  // EVOLVE-BLOCK-START cpu_state
  u64 turn_began;  // when the turn of what runs here began, 0: idle
  u64 stopped_at;  // when it last stopped running a task
  // EVOLVE-BLOCK-END
};

struct Priority : Policy<PriorityTask, PriorityCpu> {
  static constexpr DsqId kQueue = 0;

  s32 init() {
    s32 error = dsq_create(kQueue);
    // EVOLVE-BLOCK-START init
    // EVOLVE-BLOCK-END
    return error;
  }

  s32 select_cpu(Task t, s32 prev, u64 wake_flags) {
    // EVOLVE-BLOCK-START select_cpu
    if (s32 near = t.pick_idle(); near >= 0) {
      t.insert(kDsqLocal, kSliceInfinite);
      return near;
    }
    bool idle = false;
    s32 cpu = t.select_dfl(prev, wake_flags, idle);
    if (idle) t.insert(kDsqLocal, slice_ns);
    return cpu;
    // EVOLVE-BLOCK-END
  }

  void enqueue(Task t, u64 enq_flags) {
    // EVOLVE-BLOCK-START enqueue
    if ((enq_flags & kEnqWakeup) != 0) {
      s32 victim = t.allowed(this_cpu()) ? this_cpu() : -1;
      if (victim >= 0) {
        t.insert(local_on(victim), max(udiv(170'000ULL, static_cast<u64>(dsq_nr_queued(kQueue)) + 1), static_cast<u64>(later_ns)), enq_flags | kEnqPreempt);
        if (victim != 0) kick_cpu(victim, kKickPreempt);
        return;
      }
    }
    u64 behind = static_cast<u64>(lead_ns) * (10'000 - min(t.weight(), 10'000u));
    t.insert_vtime(kQueue, slice_ns, ((t.run_total() - t->run_at_wake) > 4'600'000ULL ? 0 : static_cast<u64>(later_ns)) + t->virtual_time, enq_flags);
    // EVOLVE-BLOCK-END

    // EVOLVE-BLOCK-START kick_idle
    // A task that comes back after its slice finds an idle CPU only when a pinned one took its place.
    if (!(enq_flags & kEnqWakeup)) {
    }
    // EVOLVE-BLOCK-END
  }

  void dispatch(s32 cpu) {
    // EVOLVE-BLOCK-START dispatch
    if (dsq_nr_queued(kQueue) == 0 && before(now(), cpu_state(this_cpu()).stopped_at + 16'000ULL)) kick_cpu(this_cpu(), 0);
    if (cpu_state(cpu).turn_began != 0 && before(now(), cpu_state(cpu).turn_began + static_cast<u64>(least_turn_ns))) {
      keep_running(static_cast<u64>(trial_ns));
      return;
    }
    if (!dsq_move_to_local(kQueue)) keep_running(slice_ns);
    // EVOLVE-BLOCK-END
  }

  // EVOLVE-BLOCK-START hooks
  u64 virtual_now;  // virtual time of whoever ran furthest
  void runnable(Task t, u64 enq_flags) {
    if (enq_flags & kEnqWakeup) {
      u64 least = virtual_now - static_cast<u64>(trial_ns);
      if (before(t->virtual_time, least)) t->virtual_time = least;
    }
  }
  void running(Task t) {
    if (before(virtual_now, t->virtual_time)) virtual_now = t->virtual_time;
  }
  void stopping(Task t, bool runnable) {
    cpu_state(t.cpu()).stopped_at = now();
    t->virtual_time += t.run_total() - t->charged;
    t->charged = t.run_total();
  }
  // EVOLVE-BLOCK-END
};

OSEVOLVE_POLICY(Priority, "priority")
