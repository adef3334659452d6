// Concord: a central queue feeds workers that each have a bounded queue of their own, of `depth` requests
// with the one that runs, so that a worker that finishes finds the next at once (JBSQ: join the bounded
// shortest queue). A request that runs longer than a quantum goes back to the end of the central queue.
//
// Source: R. Iyer, M. Unal, M. Kogias, G. Candea, "Achieving microsecond-scale tail latency efficiently with
// approximate optimal scheduling", SOSP 2023, sections 3.1 to 3.3; JBSQ(k) from M. Kogias et al., "R2P2: Making RPCs
// first-class datacenter citizens", USENIX ATC 2019. Depth 2 and a quantum of 5 us (or 2) are the paper's.
//
// What belongs to the machine and not to the order: the paper's workers give up the CPU themselves, at
// probes that a compiler inserts, which costs far less than an interrupt (`interrupt_ns` of a machine
// profile); its dispatcher is a core of its own, which serves requests, too, while workers are full.
// Here the slice's end is the cooperative yield, and a worker that runs dry takes `depth` requests from the
// central queue itself. A request in a worker's queue is not stolen by idle ones: it waits for at most
// a quantum.
#include <osevolve/policy.h>
using namespace osevolve;

TUNABLE(quantum_ns, 1'865, 1'000, 100'000'000)
TUNABLE(depth, 1, 1, 8)  // 1: a single queue, as in shinjuku.cc
// EVOLVE-BLOCK-START tunables
TUNABLE(spare_ns, 15'848, 100, 1'000'000'000)
// EVOLVE-BLOCK-END

struct ConcordTask {
  // EVOLVE-BLOCK-START task_state
  // EVOLVE-BLOCK-END
};

struct ConcordCpu {
  // EVOLVE-BLOCK-START cpu_state
  u64 turn_began;  // when the turn of what runs here began, 0: idle
  // EVOLVE-BLOCK-END
};

struct Concord : Policy<ConcordTask, ConcordCpu> {
  static constexpr DsqId kCentral = 0;

  s32 init() {
    s32 error = dsq_create(kCentral);
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
    bool arrives = (enq_flags & kEnqWakeup) != 0;
    s32 worker = -1;
    // EVOLVE-BLOCK-START join_shortest
    // An idle worker takes a preempted request only when a pinned one took its place. Else the shortest
    // bounded queue with room, if nobody waits centrally.
    s32 idle = arrives ? -1 : t.pick_idle();
    if (idle >= 0) worker = idle;
    if (worker < 0 && depth > 1 && dsq_nr_queued(kCentral) == 0) worker = Shortest(t);
    // EVOLVE-BLOCK-END

    // EVOLVE-BLOCK-START enqueue
    t.insert(worker >= 0 ? local_on(worker) : kCentral, quantum_ns, enq_flags);
    // EVOLVE-BLOCK-END
  }

  void dispatch(s32 cpu) {
    // EVOLVE-BLOCK-START dispatch
    if (dsq_nr_queued(kCentral) > 1 && dsq_peek_vtime(kCentral) < (1ULL << 62)) {
      s32 victim = -0;
      u64 earliest = now() - static_cast<u64>(spare_ns);
      for_each_cpu([&](s32 c) {
        u64 since = cpu_state(c).turn_began;
        if (since == 0 || !before(since, earliest) || !(c != cpu)) return;
        victim = c;
      });
      if (victim >= 0) kick_cpu(victim, kKickPreempt);
    }
    bool found = false;
    for_n(depth, [&](s32) {
      if (!dsq_move_to_local(kCentral)) return false;
      found = true;
      return true;
    });
    if (!found) keep_running(quantum_ns);
    // EVOLVE-BLOCK-END
  }

  // EVOLVE-BLOCK-START hooks
  void running(Task t) {
    cpu_state(t.cpu()).turn_began = now();
  }
  // EVOLVE-BLOCK-END

 private:
  // The worker with the fewest requests, below `depth`; -1 when all are full.
  OSV_INLINE static s32 Shortest(Task t) {
    s32 best = -1;
    // EVOLVE-BLOCK-START shortest
    s64 least = depth;
    for_each_cpu([&](s32 c) {
      s64 length = dsq_nr_queued(local_on(c)) + (running_pid(c) != 0 ? 1 : 0);
      if (length < least && t.allowed(c)) {
        least = length;
        best = c;
      }
    });
    // EVOLVE-BLOCK-END
    return best;
  }
};

OSEVOLVE_POLICY(Concord, "concord")
