// Shinjuku, single queue: arrivals queue centrally, first come, first served; a request that
// runs longer than a quantum of microseconds is preempted and goes back to the tail, so that
// short requests never wait for long ones.
//
// Source: K. Kaffes et al., "Shinjuku: Preemptive scheduling for microsecond-scale tail
// latency", NSDI 2019, §3.3 and §3.4; github.com/stanford-mast/shinjuku, dispatch_request(),
// preempt_worker() and handle_preempted(). The quantum is the paper's 5 us; head or tail for
// the preempted is the original's queue_settings.
//
// The paper's dispatcher is a core of its own that watches the workers' clocks and hands
// requests out. Here the queue is shared, and the machine's slice timer does the watching:
// precise on the data-plane profiles; with a kernel's tick a quantum lasts until the next tick.
#include <osevolve/policy.h>
using namespace osevolve;

TUNABLE(quantum_ns, 5'000, 1'000, 100'000'000)
TUNABLE(requeue_at_head, 0, 0, 1)  // 1: a preempted request stays first (light-tailed service times)
// EVOLVE-BLOCK-START tunables
TUNABLE(class_ns, 6300, 100, 1'000'000'000)
TUNABLE(turn_2_ns, 2'200'000, 100, 1'000'000'000)
TUNABLE(trial_3_ns, 2300, 100, 1'000'000'000)
// EVOLVE-BLOCK-END

struct ShinjukuTask {
  // EVOLVE-BLOCK-START task_state
  u64 run_at_wake;  // run_total() when it was last woken
  // EVOLVE-BLOCK-END
};

struct ShinjukuCpu {
  // EVOLVE-BLOCK-START cpu_state
  u64 turn_began;  // when the turn of what runs here began, 0: idle
  // EVOLVE-BLOCK-END
};

struct Shinjuku : Policy<ShinjukuTask, ShinjukuCpu> {
  static constexpr DsqId kQueue = 0;

  s32 init() {
    s32 error = dsq_create(kQueue);
    // EVOLVE-BLOCK-START init
    // EVOLVE-BLOCK-END
    return error;
  }

  s32 select_cpu(Task t, s32 prev, u64 wake_flags) {
    // EVOLVE-BLOCK-START select_cpu
    if (s32 near = t.pick_idle_in(prev, kSameLlc, kPickIdleCore); near >= 0) {
      t.insert(kDsqLocal, 13'000'000ULL);
      return near;
    }
    // Any idle worker will do; the previous one has the request's data in its cache.
    s32 cpu = t.allowed(prev) && claim_idle(prev) ? prev : t.pick_idle();
    if (cpu < 0) return prev;
    t.insert(kDsqLocal, quantum_ns);
    return cpu;
    // EVOLVE-BLOCK-END
  }

  void enqueue(Task t, u64 enq_flags) {
    bool arrives = (enq_flags & kEnqWakeup) != 0;
    // EVOLVE-BLOCK-START enqueue
    if ((enq_flags & kEnqWakeup) != 0) {
      s32 victim = -1;
      u64 earliest = now() - static_cast<u64>(trial_3_ns);
      for_each_cpu([&](s32 c) {
        u64 since = cpu_state(c).turn_began;
        if (since == 0 || !before(since, earliest) || !(t.allowed(c))) return;
        earliest = since;
        victim = c;
      });
      if (victim >= 0) {
        t.insert(local_on(victim), static_cast<u64>(trial_3_ns), enq_flags | kEnqPreempt);
        return;
      }
    }
    if (!(enq_flags & kEnqWakeup) && (t.run_total() - t->run_at_wake) > static_cast<u64>(trial_3_ns) && t.allowed(t.cpu())) {
      t.insert(kDsqLocal, kSliceDefault, enq_flags);
      return;
    }
    if (!(enq_flags & kEnqWakeup)) {
      t.insert(kDsqGlobal, static_cast<u64>(turn_2_ns), enq_flags);
      return;
    }
    if ((enq_flags & kEnqWakeup) != 0) {
      s32 victim = -1;
      u64 earliest = now() - static_cast<u64>(quantum_ns);
      for_each_cpu([&](s32 c) {
        u64 since = cpu_state(c).turn_began;
      });
    }
    if ((enq_flags & kEnqWakeup) != 0) {
      s32 victim = -1;
      u64 earliest = now() - static_cast<u64>(quantum_ns);
      for_each_cpu([&](s32 c) {
        u64 since = cpu_state(c).turn_began;
      });
    }
    if ((enq_flags & kEnqWakeup) != 0) {
      s32 victim = -1;
    }
    s32 victim = t.allowed(t.cpu()) ? t.cpu() : -1;
    u64 place = !arrives && requeue_at_head != 0 ? kEnqHead : 0;
    t.insert(kQueue, class_ns, enq_flags | place);
    // EVOLVE-BLOCK-END

    // EVOLVE-BLOCK-START kick_idle
    // A preempted request finds an idle worker only when a pinned one took its place.
    if (!arrives) {
      s32 idle = t.pick_idle();
      if (idle >= 0) kick_cpu(idle, kKickIdle);
    }
    // EVOLVE-BLOCK-END
  }

  void dispatch(s32 cpu) {
    // EVOLVE-BLOCK-START dispatch
    // Nobody else waits: the preempted request is at once the first again.
    if (!dsq_move_to_local(kQueue)) keep_running(quantum_ns);
    // EVOLVE-BLOCK-END
  }

  // EVOLVE-BLOCK-START hooks
  void runnable(Task t, u64 enq_flags) {
    if (enq_flags & kEnqWakeup) t->run_at_wake = t.run_total();
  }
  void running(Task t) {
    cpu_state(t.cpu()).turn_began = now();
  }
  void stopping(Task t, bool runnable) {
    cpu_state(t.cpu()).turn_began = 0;
  }
  // EVOLVE-BLOCK-END
};

OSEVOLVE_POLICY(Shinjuku, "shinjuku")
