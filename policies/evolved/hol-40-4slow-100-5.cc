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

TUNABLE(quantum_ns, 1'822, 1'000, 100'000'000)
TUNABLE(requeue_at_head, 0, 0, 1)  // 1: a preempted request stays first (light-tailed service times)
// EVOLVE-BLOCK-START tunables
TUNABLE(spare_ns, 4'168, 100, 1'000'000'000)
TUNABLE(round_ns, 11'000'000, 100, 1'000'000'000)
TUNABLE(least_ns, 1700, 100, 1'000'000'000)
TUNABLE(spare_2_ns, 60'000, 100, 1'000'000'000)
// EVOLVE-BLOCK-END

struct ShinjukuTask {
  // EVOLVE-BLOCK-START task_state
  // EVOLVE-BLOCK-END
};

struct ShinjukuCpu {
  // EVOLVE-BLOCK-START cpu_state
  u64 turn_began;  // when the turn of what runs here began, 0: idle
  u64 stopped_at;  // when it last stopped running a task
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
    if ((wake_flags & kWakeSync) && t.allowed(this_cpu())) return this_cpu();
    // Any idle worker will do; the previous one has the request's data in its cache.
    s32 cpu = t.allowed(prev) && claim_idle(prev) ? prev : t.pick_idle();
    if (cpu < 0) return prev;
    t.insert(kDsqLocal, max(udiv(static_cast<u64>(round_ns), static_cast<u64>(dsq_nr_queued(kQueue)) + 1), static_cast<u64>(least_ns)));
    return cpu;
    // EVOLVE-BLOCK-END
  }

  void enqueue(Task t, u64 enq_flags) {
    bool arrives = (enq_flags & kEnqWakeup) != 0;
    // EVOLVE-BLOCK-START enqueue
    u64 place = !arrives && requeue_at_head != 0 ? kEnqHead : 0;
    t.insert(kQueue, max(udiv(static_cast<u64>(round_ns), static_cast<u64>(dsq_nr_queued(kQueue)) + 1), static_cast<u64>(round_ns)), enq_flags | place);
    if ((enq_flags & kEnqWakeup) != 0) {
      s32 victim = t.allowed(t.cpu()) ? t.cpu() : -1;
      if (victim >= 0) kick_cpu(victim, kKickPreempt);
    }
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
    if (dsq_nr_queued(kQueue) > 1 && dsq_peek_vtime(kQueue) < (1ULL << 62)) {
      s32 victim = -1;
      u64 earliest = now() - static_cast<u64>(spare_2_ns);
      for_each_cpu([&](s32 c) {
        u64 since = cpu_state(c).turn_began;
        if (since == 0 || !before(since, earliest) || !(c != cpu)) return;
        earliest = since;
        victim = c;
      });
      if (victim >= 0) cpu_state(victim).turn_began = now();
      if (victim >= 0) kick_cpu(victim, kKickPreempt);
    }
    if (before(now(), cpu_state(this_cpu()).stopped_at + 1'400'000ULL)) {
      if (dsq_nr_queued(kQueue) == 0 && before(now(), cpu_state(this_cpu()).stopped_at + 1'400'000ULL)) kick_cpu(this_cpu(), 0);
    }
    if (dsq_nr_queued(kQueue) > 1 && dsq_peek_vtime(kQueue) < (1ULL << 62)) {
      s32 victim = -1;
      u64 earliest = now() - static_cast<u64>(spare_ns);
      for_each_cpu([&](s32 c) {
        u64 since = cpu_state(c).turn_began;
        if (since == 0 || !before(since, earliest) || !(c != cpu)) return;
        earliest = since;
        victim = c;
      });
      if (victim >= 0) kick_cpu(victim, kKickPreempt);
    }
    // Nobody else waits: the preempted request is at once the first again.
    if (!dsq_move_to_local(kQueue)) keep_running(quantum_ns);
    // EVOLVE-BLOCK-END
  }

  // EVOLVE-BLOCK-START hooks
  void running(Task t) {
    cpu_state(t.cpu()).turn_began = now();
  }
  void stopping(Task t, bool runnable) {
    cpu_state(t.cpu()).stopped_at = now();
    cpu_state(t.cpu()).turn_began = 0;
  }
  // EVOLVE-BLOCK-END
};

OSEVOLVE_POLICY(Shinjuku, "shinjuku")
