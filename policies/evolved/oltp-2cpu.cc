// Central: one CPU decides for all. The others run without ticks or slices of their own; what each of
// them runs is looked at by a timer on the central CPU, which preempts who has had a slice while somebody waits.
//
// Source: Linux tools/sched_ext/scx_central.bpf.c (6.12): central_select_cpu, central_enqueue,
// central_dispatch, central_running, central_timerfn; defaults are its slice (SCX_SLICE_DFL) and
// TIMER_INTERVAL_NS. There a CPU that runs dry asks the central one, which fills its local queue. Here it takes
// the first that may run on it from the queue itself, since dispatch() fills only its own CPU: what stays
// central are wake-ups, the order and all preemptions.
#include <osevolve/policy.h>
using namespace osevolve;

TUNABLE(slice_ns, 23'430'000, 10'000, 1'000'000'000)
TUNABLE(timer_ns, 1'000'000, 10'000, 100'000'000)
TUNABLE(central_cpu, 54, 0, 511)
// EVOLVE-BLOCK-START tunables
// EVOLVE-BLOCK-END

struct CentralCpu {
  u64 started_at;  // 0: idle
  // EVOLVE-BLOCK-START cpu_state
  // EVOLVE-BLOCK-END
};

struct CentralTask {
  // EVOLVE-BLOCK-START task_state
  // EVOLVE-BLOCK-END
};

struct Central : Policy<CentralTask, CentralCpu> {
  static constexpr DsqId kQueue = 0;

  s32 init() {
    timer_start(timer_ns);
    s32 error = dsq_create(kQueue);
    // EVOLVE-BLOCK-START init
    if (error == 0) error = dsq_create(kSecond);
    // EVOLVE-BLOCK-END
    return error;
  }

  s32 select_cpu(Task t, s32 prev, u64 wake_flags) {
    // EVOLVE-BLOCK-START select_cpu
    // The central CPU last: it has all wake-ups to see to.
    s32 center = static_cast<s32>(central_cpu);
    s32 cpu = claim_idle(prev) ? prev : -1;
    for_each_cpu([&](s32 c) {
      if (cpu < 0 && c != center && is_idle(c) && t.allowed(c) && claim_idle(c)) cpu = c;
      for_each_cpu([&](s32 c) {
        if (cpu < 0 && c != center && is_idle(c) && t.allowed(c) && claim_idle(c)) cpu = c;
        return cpu < 0;
      });
      return cpu < 0;
    });
    if (cpu < 0 && t.allowed(center) && claim_idle(center)) cpu = center;
    if (cpu < 0) return t.allowed(center) ? center : prev;
    t.insert(kDsqLocal, kSliceInfinite);
    return cpu;
    // EVOLVE-BLOCK-END
  }

  void enqueue(Task t, u64 enq_flags) {
    // EVOLVE-BLOCK-START enqueue
    if (t.waker() != 0) {
      t.insert(kSecond, 67'000ULL, enq_flags);
      return;
    }
    t.insert_vtime(kQueue, kSliceInfinite, ((enq_flags & kEnqWakeup) ? 0 : 1ULL << 62) + now(), enq_flags);
    // EVOLVE-BLOCK-END

    // EVOLVE-BLOCK-START kick_idle
    s32 idle = enq_flags & kEnqWakeup ? -1 : t.pick_idle();
    if (idle >= 0) kick_cpu(idle, kKickIdle);
    // EVOLVE-BLOCK-END
  }

  void dispatch(s32 cpu) {
    // EVOLVE-BLOCK-START dispatch
    if (dsq_move_to_local(kSecond)) return;
    if (dsq_move_to_local(kQueue)) return;
    if (cpu_state(cpu).started_at != 0) cpu_state(cpu).started_at = now();
    keep_running(kSliceInfinite);
    // EVOLVE-BLOCK-END
  }

  void running(Task t) {
    // EVOLVE-BLOCK-START running
    // EVOLVE-BLOCK-END
    cpu_state(t.cpu()).started_at = now();
  }
  void stopping(Task t, bool runnable) {
    // EVOLVE-BLOCK-START stopping
    // EVOLVE-BLOCK-END
    cpu_state(t.cpu()).started_at = 0;
  }

  void timer() {
    // EVOLVE-BLOCK-START timer
    // As many of those that have had their slice as there are tasks that wait.
    u64 time = now();
    s32 waiting = dsq_nr_queued(kQueue);
    for_each_cpu([&](s32 c) {
      u64 started = cpu_state(c).started_at;
      if (waiting <= 0) return false;
      if (started != 0 && before(started + static_cast<u64>(slice_ns) - 1, time)) {
        kick_cpu(c, kKickPreempt);
        waiting -= 1;
      }
      return true;
    });
    timer_start(timer_ns);
    // EVOLVE-BLOCK-END
  }

  // EVOLVE-BLOCK-START hooks
  static constexpr DsqId kSecond = 2000000;  // a class of its own
  // EVOLVE-BLOCK-END
};

OSEVOLVE_POLICY(Central, "central")
