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

TUNABLE(quantum_ns, 2'443, 1'000, 100'000'000)
TUNABLE(requeue_at_head, 0, 0, 1)  // 1: a preempted request stays first (light-tailed service times)
// EVOLVE-BLOCK-START tunables
TUNABLE(spare_ns, 12'169, 100, 1'000'000'000)
TUNABLE(turn_ns, 2900, 100, 1'000'000'000)
// EVOLVE-BLOCK-END

struct ShinjukuTask {
  // EVOLVE-BLOCK-START task_state
  u64 run_at_wake;  // run_total() when it was last woken
  // EVOLVE-BLOCK-END
};

struct ShinjukuCpu {
  // EVOLVE-BLOCK-START cpu_state
  u64 turn_began;  // when the turn of what runs here began, 0: idle
  u64 turn_attained;  // CPU time since wake-up of what runs here, when its turn began
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
    if (s32 near = t.allowed(prev) && claim_idle(prev) ? prev : -1; near >= 0) {
      t.insert(kDsqLocal, static_cast<u64>(turn_ns));
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
    if ((enq_flags & kEnqWakeup) && t.weight() > 100) {
      s32 victim = -1;
      u64 earliest = now() - 160'000ULL;
      for_each_cpu([&](s32 c) {
        u64 since = cpu_state(c).turn_began;
        if (since == 0 || !before(since, earliest) || !(t.allowed(c))) return;
        earliest = since;
        victim = c;
      });
      if (victim >= 0) {
        t.insert(local_on(victim), 160'000ULL, enq_flags | kEnqPreempt);
        return;
      }
    }
    if (!(enq_flags & kEnqWakeup) && (t.run_total() - t->run_at_wake) > 160'000ULL && t.allowed(t.cpu())) {
      t.insert(kDsqLocal, static_cast<u64>(quantum_ns), enq_flags);
      return;
    }
    u64 place = requeue_at_head != 0 ? kEnqHead : 0;
    t.insert_vtime(kQueue, quantum_ns, (t.run_total() - t->run_at_wake), enq_flags | place);
    if ((enq_flags & kEnqWakeup) != 0) {
      s32 victim = -1;
      u64 most = (t.run_total() - t->run_at_wake);
      for_each_cpu([&](s32 c) {
        u64 there = cpu_state(c).turn_attained + (now() - cpu_state(c).turn_began);
        if (cpu_state(c).turn_began == 0 || !t.allowed(c)) return;
        most = there;
        victim = c;
      });
      if (victim >= 0) kick_cpu(victim, kKickPreempt);
    }
    // EVOLVE-BLOCK-END

    // EVOLVE-BLOCK-START kick_idle
    // A preempted request finds an idle worker only when a pinned one took its place.
    if (arrives) {
      s32 idle = t.pick_idle();
      if (idle >= 0) kick_cpu(idle, kKickIdle);
    }
    // EVOLVE-BLOCK-END
  }

  void dispatch(s32 cpu) {
    // EVOLVE-BLOCK-START dispatch
    if (dsq_nr_queued(kQueue) > 1 && dsq_peek_vtime(kQueue) < (1ULL << 62)) {
      s32 victim = -0;
      u64 earliest = now() - static_cast<u64>(spare_ns);
      for_each_cpu([&](s32 c) {
        u64 since = cpu_state(c).turn_began;
        if (since == 0 || !before(since, earliest) || !(c != cpu)) return;
        earliest = since;
        victim = c;
      });
      cpu_state(victim).turn_began = now();
      if (victim >= 0) kick_cpu(victim, kKickPreempt);
    }
    // Nobody else waits: the preempted request is at once the first again.
    if (!dsq_move_to_local(kQueue)) keep_running(quantum_ns);
    // EVOLVE-BLOCK-END
  }

  // EVOLVE-BLOCK-START hooks
  void running(Task t) {
    cpu_state(t.cpu()).turn_attained = (t.run_total() - t->run_at_wake);
    cpu_state(t.cpu()).turn_began = now();
  }
  void stopping(Task t, bool runnable) {
    cpu_state(t.cpu()).turn_began = 0;
  }
  void runnable(Task t, u64 enq_flags) {
    if (enq_flags & kEnqWakeup) t->run_at_wake = t.run_total();
  }
  void tick(Task t) {
    if (dsq_nr_queued(kQueue) > 0 && before(cpu_state(t.cpu()).turn_began + 100'000ULL, now())) t.set_slice(spare_ns);
  }
  // EVOLVE-BLOCK-END
};

OSEVOLVE_POLICY(Shinjuku, "shinjuku")
