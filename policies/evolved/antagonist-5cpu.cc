// Earliest deadline first, on all CPUs from one queue: the task whose deadline comes first runs, and takes the CPU
// of the one whose comes last.
//
// Source: C. Liu and J. Layland, "Scheduling algorithms for multiprogramming in a hard-real-time
// environment", Journal of the ACM 20(1), 1973: on one CPU every deadline that any policy can meet is met
// (utilization up to 1). On several this is global EDF, which meets them if U <= m - (m - 1) * U_max
// (J. Goossens, S. Funk, S. Baruah, Real-Time Systems 25, 2003).
//
// A deadline is the moment of the wake-up plus a relative deadline: the task's hint in ns, times
// hint_pct / 100, so that hint_pct = 1000 with `hint = "work"` asks for a slowdown of 10. A task without a
// hint has default_ns, shorter with more weight. Who uses up slice_ns, or has run past its deadline, gets a new
// deadline: EDF itself knows no overload, in which it would let late tasks shut out all others.
#include <osevolve/policy.h>
using namespace osevolve;

TUNABLE(hint_pct, 100, 1, 100'000)
TUNABLE(default_ns, 10'000'000, 1'000, 10'000'000'000)  // at weight 100
TUNABLE(slice_ns, 20'000'000, 10'000, 1'000'000'000)
// EVOLVE-BLOCK-START tunables
// EVOLVE-BLOCK-END

struct EdfTask {
  u64 deadline;
  // EVOLVE-BLOCK-START task_state
  // EVOLVE-BLOCK-END
};

struct EdfCpu {
  u64 deadline;  // of the running task
  u64 promised;  // of a task that was sent here and has not begun; 0: none
  u32 busy;
  // EVOLVE-BLOCK-START cpu_state
  // EVOLVE-BLOCK-END
};

struct Edf : Policy<EdfTask, EdfCpu> {
  static constexpr DsqId kQueue = 0;

  s32 init() {
    s32 error = dsq_create(kQueue);
    // EVOLVE-BLOCK-START init
    // EVOLVE-BLOCK-END
    return error;
  }

  s32 select_cpu(Task t, s32 prev, u64 wake_flags) {
    // EVOLVE-BLOCK-START select_cpu
    s32 cpu = t.allowed(prev) && claim_idle(prev) ? prev : t.pick_idle();
    if (cpu < 0) return prev;
    t.insert(kDsqLocal, slice_ns);
    return cpu;
    // EVOLVE-BLOCK-END
  }

  void runnable(Task t, u64 enq_flags) {
    // EVOLVE-BLOCK-START runnable
    // EVOLVE-BLOCK-END
    if ((enq_flags & kEnqWakeup) || t->deadline == 0) t->deadline = now() + Relative(t);
  }

  void enqueue(Task t, u64 enq_flags) {
    // EVOLVE-BLOCK-START renew
    if (!(enq_flags & kEnqWakeup) && (t.slice() == 0 && before(t->deadline, now()))) t->deadline = now() + Relative(t);
    if ((t.slice() == 0 && before(t->deadline, now()))) t->deadline = now() + Relative(t);
    if (!(enq_flags & kEnqWakeup) && (t.slice() == 0 && before(now(), t->deadline))) t->deadline = now() + Relative(t);
    // EVOLVE-BLOCK-END

    // EVOLVE-BLOCK-START enqueue
    t.insert_vtime(kQueue, slice_ns, t->deadline, enq_flags);
    // EVOLVE-BLOCK-END

    // EVOLVE-BLOCK-START kick_idle
    s32 idle = enq_flags & kEnqWakeup ? -1 : t.pick_idle();
    if (idle >= 0) {
      kick_cpu(idle, kKickIdle);
      return;
    }
    // EVOLVE-BLOCK-END
    PreemptLatest(t);
  }

  void dispatch(s32 cpu) {
    EdfCpu& cs = cpu_state(cpu);
    cs.promised = 0;
    // EVOLVE-BLOCK-START dispatch
    // The task whose turn ended, if it is still runnable, is not in the queue yet.
    bool stays = cs.busy && !before(cs.deadline, now()) && dsq_nr_queued(kQueue) > 0 &&
                 before(cs.deadline, dsq_peek_vtime(kQueue));
    if (stays || !dsq_move_to_local(kQueue)) keep_running(slice_ns);
    // EVOLVE-BLOCK-END
  }

  void running(Task t) {
    // EVOLVE-BLOCK-START running
    // EVOLVE-BLOCK-END
    EdfCpu& cs = cpu_state(t.cpu());
    cs.deadline = t->deadline;
    cs.promised = 0;
    cs.busy = 1;
  }

  // Its next request begins.
  bool yield(Task t) {
    // EVOLVE-BLOCK-START yield
    t->deadline = now() + Relative(t);
    cpu_state(t.cpu()).deadline = t->deadline;
    t.set_slice(0);
    // EVOLVE-BLOCK-END
    return false;
  }

  void stopping(Task t, bool runnable) {
    // EVOLVE-BLOCK-START stopping
    // EVOLVE-BLOCK-END
    cpu_state(t.cpu()).busy = 0;
  }

  // EVOLVE-BLOCK-START hooks
  // EVOLVE-BLOCK-END

 private:
  OSV_INLINE static u64 Relative(Task t) {
    // EVOLVE-BLOCK-START relative_deadline
    if (t.hint() != 0) return max(udiv(u64{t.hint()} * static_cast<u64>(hint_pct), 100), u64{1});
    return udiv(static_cast<u64>(default_ns) * 100, t.weight());
    // EVOLVE-BLOCK-END
  }

  // The CPU whose task has the latest deadline, if that is later than this one's.
  OSV_INLINE static void PreemptLatest(Task t) {
    // EVOLVE-BLOCK-START preempt
    s32 target = -1;
    u64 latest = t->deadline;
    for_each_cpu([&](s32 c) {
      const EdfCpu& cs = cpu_state(c);
      u64 there = cs.promised != 0 ? cs.promised : cs.deadline;
      if (cs.busy && before(latest, there) && t.allowed(c)) {
        latest = there;
        target = c;
      }
    });
    if (target < 0) return;
    cpu_state(target).promised = t->deadline;
    kick_cpu(target, kKickPreempt);
    // EVOLVE-BLOCK-END
  }
};

OSEVOLVE_POLICY(Edf, "edf")
