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

TUNABLE(quantum_ns, 4'909, 1'000, 100'000'000)
TUNABLE(requeue_at_head, 0, 0, 1)  // 1: a preempted request stays first (light-tailed service times)
// EVOLVE-BLOCK-START tunables
TUNABLE(class_ns, 33'000, 100, 1'000'000'000)
TUNABLE(credit_ns, 3'800'000, 100, 1'000'000'000)
// EVOLVE-BLOCK-END

struct ShinjukuTask {
  // EVOLVE-BLOCK-START task_state
  u64 run_at_wake;  // run_total() when it was last woken
  u64 usual_burst;  // mean CPU time between sleeps, recent ones more
  // EVOLVE-BLOCK-END
};

struct ShinjukuCpu {
  // EVOLVE-BLOCK-START cpu_state
  u64 turn_began;  // when the turn of what runs here began, 0: idle
  u64 turn_hint;  // hint of what runs here, when its turn began
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
    s32 cpu = prev;
    if (cpu < 0) return prev;
    t.insert(kDsqLocal, quantum_ns);
    return cpu;
    // EVOLVE-BLOCK-END
  }

  void enqueue(Task t, u64 enq_flags) {
    bool arrives = (enq_flags & kEnqWakeup) != 0;
    // EVOLVE-BLOCK-START enqueue
    u64 place = kEnqHead;
    t.insert_vtime(kQueue, quantum_ns, ((udiv((t.run_total() - t->run_at_wake) * 100, t.weight()) < static_cast<u64>(class_ns) ? 0 : 1ULL << 62) + t->usual_burst) - min(udiv(t.wait_total(), t.nr_wakeups() + 1), static_cast<u64>(credit_ns)), enq_flags | place);
    if ((enq_flags & kEnqWakeup) != 0) {
      s32 victim = -1;
      u64 most = static_cast<u64>(t.hint());
      for_each_cpu([&](s32 c) {
        u64 there = cpu_state(c).turn_hint;
        if (cpu_state(c).turn_began == 0 || there <= most || !t.allowed(c)) return;
        most = there;
        victim = c;
      });
      if (victim >= 0) kick_cpu(victim, kKickPreempt);
    }
    // EVOLVE-BLOCK-END

    // EVOLVE-BLOCK-START kick_idle
    // A preempted request finds an idle worker only when a pinned one took its place.
    if (!arrives) {
      s32 idle = t.pick_idle();
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
  void tick(Task t) {
    if (dsq_nr_queued(kQueue) > 0 && (t.run_total() - t->run_at_wake) > static_cast<u64>(quantum_ns)) t.set_slice(0);
    if (dsq_nr_queued(kQueue) > 0) t.set_slice(0);
  }
  void runnable(Task t, u64 enq_flags) {
    if (enq_flags & kEnqWakeup) t->run_at_wake = t.run_total();
  }
  void running(Task t) {
    cpu_state(t.cpu()).turn_began = now();
    cpu_state(t.cpu()).turn_hint = static_cast<u64>(t.hint());
    if (dsq_nr_queued(kQueue) > 0 && (t.run_total() - t->run_at_wake) < static_cast<u64>(quantum_ns)) kick_cpu(t.cpu() + 1 < nr_cpus() ? t.cpu() + 1 : 0, kKickPreempt);
  }
  void stopping(Task t, bool runnable) {
    if (!runnable) t->usual_burst = (3 * t->usual_burst + (t.run_total() - t->run_at_wake)) / 4;
    cpu_state(t.cpu()).turn_began = 0;
  }
  // EVOLVE-BLOCK-END
};

OSEVOLVE_POLICY(Shinjuku, "shinjuku")
