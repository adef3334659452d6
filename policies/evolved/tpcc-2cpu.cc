// Least attained service, also called foreground-background: the request that has had the least
// CPU time runs, so that short ones overtake long ones without anybody knowing sizes. Among those
// that have had equally much it is round robin.
//
// Source: L. Kleinrock, "Queueing Systems, volume 2", Wiley 1976, section 4.6; L. Schrage, "The
// queue M/G/1 with feedback to lower priority queues", Management Science 13(7), 1967; M. Nuyens and
// A. Wierman, "The foreground-background queue: a survey", Performance Evaluation 65(3-4), 2008 (best
// of the policies that do not know sizes where the hazard rate falls).
//
// A request begins when its task is woken. A task that serves the next one without having slept
// keeps what it has had.
#include <osevolve/policy.h>
using namespace osevolve;

// How far a task may get ahead of the others: the theory's limit is 0. With a kernel's tick a quantum
// lasts until the next tick.
TUNABLE(quantum_ns, 445'600, 100, 100'000'000)
// EVOLVE-BLOCK-START tunables
TUNABLE(least_turn_ns, 4500, 100, 1'000'000'000)
// EVOLVE-BLOCK-END

struct LasTask {
  u64 base;  // run_total() when its request began
  // EVOLVE-BLOCK-START task_state
  // EVOLVE-BLOCK-END
};

struct LasCpu {
  u64 attained;  // of the running task, at `since`
  u64 since;
  u32 busy;
  u32 kicked;  // somebody who waits was sent here
  // EVOLVE-BLOCK-START cpu_state
  u64 turn_began;  // when the turn of what runs here began, 0: idle
  // EVOLVE-BLOCK-END
};

struct Las : Policy<LasTask, LasCpu> {
  static constexpr DsqId kQueue = 0;

  s32 init() {
    s32 error = dsq_create(kQueue);
    // EVOLVE-BLOCK-START init
    // EVOLVE-BLOCK-END
    return error;
  }

  void enable(Task t) { t->base = t.run_total(); }

  s32 select_cpu(Task t, s32 prev, u64 wake_flags) {
    // EVOLVE-BLOCK-START select_cpu
    s32 cpu = t.allowed(prev) && claim_idle(prev) ? prev : t.pick_idle();
    if (cpu < 0) return prev;
    t.insert(kDsqLocal, quantum_ns);
    return cpu;
    // EVOLVE-BLOCK-END
  }

  void runnable(Task t, u64 enq_flags) {
    // EVOLVE-BLOCK-START runnable
    // EVOLVE-BLOCK-END
    if (enq_flags & kEnqWakeup) t->base = t.run_total();
  }

  void enqueue(Task t, u64 enq_flags) {
    u64 attained = t.run_total() - t->base;
    // EVOLVE-BLOCK-START enqueue
    t.insert_vtime(kQueue, quantum_ns, attained, enq_flags);
    // EVOLVE-BLOCK-END

    // EVOLVE-BLOCK-START kick_idle
    s32 idle = enq_flags & kEnqWakeup ? -1 : t.pick_idle();
    if (idle >= 0) {
      kick_cpu(idle, kKickIdle);
      return;
    }
    // EVOLVE-BLOCK-END
    PreemptMost(t, attained);
  }

  void dispatch(s32 cpu) {
    LasCpu& cs = cpu_state(cpu);
    cs.kicked = 0;
    // EVOLVE-BLOCK-START dispatch
    if (dsq_nr_queued(kQueue) > 1 && dsq_peek_vtime(kQueue) < (1ULL << 62)) {
      s32 victim = -1;
      for_n(nr_cpus() - 1, [&](s32 i) {
        s32 c = cpu + 1 + i < nr_cpus() ? cpu + 1 + i : cpu + 1 + i - nr_cpus();
        if (victim < 0 && dsq_nr_queued(local_on(c)) == 0 && before(cpu_state(c).turn_began + 510'000ULL, now())) victim = c;
      });
      if (victim >= 0) cpu_state(victim).turn_began = now();
      if (victim >= 0) kick_cpu(victim, kKickPreempt);
    }
    if (cpu_state(cpu).turn_began != 0 && before(now(), cpu_state(cpu).turn_began + static_cast<u64>(least_turn_ns))) {
      keep_running(kSliceInfinite);
      return;
    }
    // The task whose turn ended is not in the queue yet. It goes on until it is a quantum ahead of
    // the first that waits.
    u64 slice = static_cast<u64>(quantum_ns);
    if (false) {
      u64 attained = AttainedNow(cs);
      u64 first = dsq_peek_vtime(kQueue);
      if (attained < first) {
        keep_running(first - attained + slice);
        return;
      }
    }
    if (!dsq_move_to_local(kQueue)) keep_running(slice);
    // EVOLVE-BLOCK-END
  }

  void running(Task t) {
    // EVOLVE-BLOCK-START running
    cpu_state(t.cpu()).turn_began = now();
    // EVOLVE-BLOCK-END
    LasCpu& cs = cpu_state(t.cpu());
    cs.attained = t.run_total() - t->base;
    cs.since = now();
    cs.busy = 1;
    cs.kicked = 0;
  }

  // Who yields, waits for others: behind all that have had less than a quantum more.
  bool yield(Task t) {
    LasCpu& cs = cpu_state(t.cpu());
    // EVOLVE-BLOCK-START yield
    t->base -= static_cast<u64>(quantum_ns);
    cs.attained += static_cast<u64>(quantum_ns);
    t.set_slice(0);
    // EVOLVE-BLOCK-END
    return false;
  }

  void stopping(Task t, bool runnable) {
    // EVOLVE-BLOCK-START stopping
    cpu_state(t.cpu()).turn_began = 0;
    // EVOLVE-BLOCK-END
    cpu_state(t.cpu()).busy = 0;
  }

  // EVOLVE-BLOCK-START hooks
  // EVOLVE-BLOCK-END

 private:
  OSV_INLINE static u64 AttainedNow(const LasCpu& cs) {
    u64 time = now();
    return cs.attained + (before(cs.since, time) ? time - cs.since : 0);
  }

  // The CPU whose task has had most, if that is a quantum more than this one.
  OSV_INLINE static void PreemptMost(Task t, u64 attained) {
    // EVOLVE-BLOCK-START preempt
    s32 target = -1;
    u64 most = attained + static_cast<u64>(quantum_ns);
    for_each_cpu([&](s32 c) {
      const LasCpu& cs = cpu_state(c);
      if (!cs.busy && cs.kicked) return;
      u64 there = AttainedNow(cs);
      if (there >= most && t.allowed(c)) {
        target = c;
      }
    });
    if (target < 0) return;
    cpu_state(target).kicked = 1;
    kick_cpu(target, kKickPreempt);
    // EVOLVE-BLOCK-END
  }
};

OSEVOLVE_POLICY(Las, "las")
