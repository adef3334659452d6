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

TUNABLE(quantum_ns, 4'214, 1'000, 100'000'000)
TUNABLE(requeue_at_head, 1, 0, 1)  // 1: a preempted request stays first (light-tailed service times)
// EVOLVE-BLOCK-START tunables
TUNABLE(credit_ns, 139, 100, 1'000'000'000)
TUNABLE(turn_ns, 3700, 100, 1'000'000'000)
TUNABLE(class_ns, 3100, 100, 1'000'000'000)
TUNABLE(turn_2_ns, 7200, 100, 1'000'000'000)
// EVOLVE-BLOCK-END

struct ShinjukuTask {
  // EVOLVE-BLOCK-START task_state
  u64 charged;  // run_total() that the virtual time accounts for
  u64 virtual_time;  // grows with use
  u64 woken_at;  // when it was last woken
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
    // Any idle worker will do; the previous one has the request's data in its cache.
    s32 cpu = claim_idle(prev) ? prev : t.pick_idle();
    if (cpu < 0) return prev;
    t.insert(kDsqLocal, quantum_ns);
    return cpu;
    // EVOLVE-BLOCK-END
  }

  void enqueue(Task t, u64 enq_flags) {
    bool arrives = (enq_flags & kEnqWakeup) != 0;
    // EVOLVE-BLOCK-START enqueue
    if ((now() - t->woken_at) < 68'000ULL) {
      t.insert(kDsqGlobal, static_cast<u64>(turn_ns), enq_flags);
      return;
    }
    u64 place = !arrives && requeue_at_head != 0 ? kEnqHead : 0;
    t.insert_vtime(kQueue, quantum_ns, t->virtual_time, enq_flags | place);
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
    if (cpu_state(cpu).turn_began != 0 && before(now(), cpu_state(cpu).turn_began + 16'000'000ULL)) {
      keep_running(static_cast<u64>(turn_2_ns));
      return;
    }
    // Nobody else waits: the preempted request is at once the first again.
    if (!dsq_move_to_local(kQueue)) keep_running(quantum_ns);
    // EVOLVE-BLOCK-END
  }

  // EVOLVE-BLOCK-START hooks
  u64 virtual_now;  // virtual time of whoever ran furthest
  void runnable(Task t, u64 enq_flags) {
    if (enq_flags & kEnqWakeup) t->run_at_wake = t.run_total();
    if (enq_flags & kEnqWakeup) t->woken_at = now();
    if (enq_flags & kEnqWakeup) {
      u64 least = virtual_now - static_cast<u64>(credit_ns);
      if (before(t->virtual_time, least)) t->virtual_time = least;
    }
  }
  void running(Task t) {
    cpu_state(t.cpu()).turn_began = now();
    if (dsq_nr_queued(kQueue) > 0 && udiv((t.run_total() - t->run_at_wake) * 100, t.weight()) < static_cast<u64>(class_ns)) t.set_slice(static_cast<u64>(quantum_ns));
    if (before(virtual_now, t->virtual_time)) virtual_now = t->virtual_time;
  }
  void stopping(Task t, bool runnable) {
    cpu_state(t.cpu()).turn_began = 0;
    t->virtual_time += udiv((t.run_total() - t->charged) * 100, t.weight());
  }
  // EVOLVE-BLOCK-END
};

OSEVOLVE_POLICY(Shinjuku, "shinjuku")
