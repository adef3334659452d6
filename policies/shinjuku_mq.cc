// Shinjuku, multiple queues: one queue per class of requests, each with a latency objective
// (SLO); the class whose first request has waited longest, as a multiple of its objective, is
// served next. Requests are preempted after a quantum, as in shinjuku.cc.
//
// Source: K. Kaffes et al., "Shinjuku: Preemptive scheduling for microsecond-scale tail
// latency", NSDI 2019, §3.4; github.com/stanford-mast/shinjuku, smart_tskq_dequeue() and
// handle_preempted(). The objectives' defaults are of the order of its evaluation's requests:
// a few microseconds and some hundred.
//
// A task's class is its hint when that is below 4 (0 when unset), and else its size class, the hint being the CPU time
// in ns of its request (`hint = "work"`), as in darc.cc. Waiting is counted from the moment a
// request joined its queue: for one that was preempted, since then, where the original counts
// from its arrival, which a queue cannot tell here.
#include <osevolve/policy.h>
using namespace osevolve;

TUNABLE(quantum_ns, 5'000, 1'000, 100'000'000)
TUNABLE(slo_0_ns, 50'000, 1'000, 10'000'000'000)
TUNABLE(slo_1_ns, 500'000, 1'000, 10'000'000'000)
TUNABLE(slo_2_ns, 5'000'000, 1'000, 10'000'000'000)
TUNABLE(slo_3_ns, 50'000'000, 1'000, 10'000'000'000)

TUNABLE(class_1_ns, 5'000, 1, 4'000'000'000)  // classes 1, 2, 3 begin at this much work
TUNABLE(class_2_ns, 50'000, 1, 4'000'000'000)
TUNABLE(class_3_ns, 500'000, 1, 4'000'000'000)
// EVOLVE-BLOCK-START tunables
// EVOLVE-BLOCK-END

struct ShinjukuMqTask {
  // EVOLVE-BLOCK-START task_state
  // EVOLVE-BLOCK-END
};

struct ShinjukuMqCpu {
  // EVOLVE-BLOCK-START cpu_state
  // EVOLVE-BLOCK-END
};

struct ShinjukuMq : Policy<ShinjukuMqTask, ShinjukuMqCpu> {
  static constexpr s32 kClasses = 4;

  s32 init() {
    s32 error = 0;
    for_n(kClasses, [&](s32 c) {
      if (error == 0) error = dsq_create(static_cast<DsqId>(c));
    });
    // EVOLVE-BLOCK-START init
    // EVOLVE-BLOCK-END
    return error;
  }

  s32 select_cpu(Task t, s32 prev, u64 wake_flags) {
    // EVOLVE-BLOCK-START select_cpu
    s32 cpu = t.allowed(prev) && claim_idle(prev) ? prev : t.pick_idle();
    if (cpu < 0) return prev;
    t.insert(kDsqLocal, quantum_ns);
    return cpu;
    // EVOLVE-BLOCK-END
  }

  void enqueue(Task t, u64 enq_flags) {
    // EVOLVE-BLOCK-START enqueue
    // Ordered by the time of joining, which is a FIFO whose head tells how long it has waited.
    t.insert_vtime(ClassOf(t), quantum_ns, now(), enq_flags);
    // EVOLVE-BLOCK-END

    // EVOLVE-BLOCK-START kick_idle
    if (!(enq_flags & kEnqWakeup)) {
      s32 idle = t.pick_idle();
      if (idle >= 0) kick_cpu(idle, kKickIdle);
    }
    // EVOLVE-BLOCK-END
  }

  void dispatch(s32 cpu) {
    // EVOLVE-BLOCK-START smart_dequeue
    u64 time = now();
    u64 largest = 0;
    s32 best = -1;
    for_n(kClasses, [&](s32 c) {
      if (dsq_nr_queued(static_cast<DsqId>(c)) <= 0) return;
      u64 joined = dsq_peek_vtime(static_cast<DsqId>(c));
      u64 waited = before(joined, time) ? time - joined : 0;
      u64 ratio = udiv(waited * 1'000, Slo(c)) + 1;
      if (ratio > largest) {
        largest = ratio;
        best = c;
      }
    });
    if (best >= 0 && dsq_move_to_local(static_cast<DsqId>(best))) return;
    // EVOLVE-BLOCK-END

    // EVOLVE-BLOCK-START dequeue_any
    // Nothing in that queue may run on this CPU: any other.
    bool found = false;
    for_n(kClasses, [&](s32 c) {
      found = dsq_move_to_local(static_cast<DsqId>(c));
      return !found;
    });
    if (!found) keep_running(quantum_ns);
    // EVOLVE-BLOCK-END
  }

  // EVOLVE-BLOCK-START hooks
  // EVOLVE-BLOCK-END

 private:
  OSV_INLINE static DsqId ClassOf(Task t) {
    // EVOLVE-BLOCK-START class_of
    s64 hint = t.hint();
    if (hint < kClasses) return static_cast<DsqId>(hint);
    return hint < class_1_ns ? 0 : hint < class_2_ns ? 1 : hint < class_3_ns ? 2 : 3;
    // EVOLVE-BLOCK-END
  }

  OSV_INLINE static u64 Slo(s32 c) {
    return static_cast<u64>(c == 0 ? slo_0_ns : c == 1 ? slo_1_ns : c == 2 ? slo_2_ns : slo_3_ns);
  }
};

OSEVOLVE_POLICY(ShinjukuMq, "shinjuku_mq")
