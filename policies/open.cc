// Open: a policy that leaves everything to evolution. It schedules like Linux's fair class in its simplest
// form, one vtime queue for all CPUs, and has every hook that a mechanism may need, a spare field for
// every kind of memory, and an evolve block around each part, the state and the tunables included: whoever
// changes it, an operator or a language model, may add fields, tunables and whole mechanisms. As a baseline it
// is of no interest; start from it with `evolve --from open` when another policy's skeleton is too narrow.
//
// Source of the algorithm: tools/sched_ext/scx_simple.bpf.c of the Linux kernel, its weighted vtime mode.
#include <osevolve/policy.h>
using namespace osevolve;

// EVOLVE-BLOCK-START tunables
TUNABLE(slice_ns, 5'000'000, 10'000, 1'000'000'000)
// EVOLVE-BLOCK-END

struct OpenTask {
  // EVOLVE-BLOCK-START task_state
  u64 charged;  // run_total() that vtime accounts for
  // EVOLVE-BLOCK-END
};

struct OpenCpu {
  // EVOLVE-BLOCK-START cpu_state
  u64 dispatched;
  // EVOLVE-BLOCK-END
};

struct Open : Policy<OpenTask, OpenCpu> {
  // EVOLVE-BLOCK-START policy_state
  static constexpr DsqId kQueue = 0;
  u64 vtime_now;
  // EVOLVE-BLOCK-END

  s32 init() {
    s32 error = 0;
    // EVOLVE-BLOCK-START init
    error = dsq_create(kQueue);
    // EVOLVE-BLOCK-END
    return error;
  }

  void enable(Task t) {
    // EVOLVE-BLOCK-START enable
    t.set_vtime(vtime_now);
    // EVOLVE-BLOCK-END
  }

  s32 select_cpu(Task t, s32 prev, u64 wake_flags) {
    // EVOLVE-BLOCK-START select_cpu
    bool idle = false;
    s32 cpu = t.select_dfl(prev, wake_flags, idle);
    if (idle) t.insert(kDsqLocal, slice_ns);
    return cpu;
    // EVOLVE-BLOCK-END
  }

  void runnable(Task t, u64 enq_flags) {
    // EVOLVE-BLOCK-START runnable
    // A sleeper may not save up more than one slice.
    u64 least = vtime_now - slice_ns;
    if (before(t.vtime(), least)) t.set_vtime(least);
    // EVOLVE-BLOCK-END
  }

  void enqueue(Task t, u64 enq_flags) {
    // EVOLVE-BLOCK-START enqueue
    t.insert_vtime(kQueue, slice_ns, t.vtime(), enq_flags);
    if (!(enq_flags & kEnqWakeup)) {
      s32 idle = t.pick_idle();
      if (idle >= 0) kick_cpu(idle, kKickIdle);
    }
    // EVOLVE-BLOCK-END
  }

  void dispatch(s32 cpu) {
    // EVOLVE-BLOCK-START dispatch
    if (!dsq_move_to_local(kQueue)) keep_running(slice_ns);
    // EVOLVE-BLOCK-END
  }

  void running(Task t) {
    // EVOLVE-BLOCK-START running
    if (before(vtime_now, t.vtime())) vtime_now = t.vtime();
    // EVOLVE-BLOCK-END
  }

  void tick(Task t) {
    // EVOLVE-BLOCK-START tick
    // EVOLVE-BLOCK-END
  }

  bool yield(Task t) {
    // EVOLVE-BLOCK-START yield
    t.set_slice(0);
    // EVOLVE-BLOCK-END
    return false;
  }

  void stopping(Task t, bool runnable) {
    // EVOLVE-BLOCK-START stopping
    u64 ran = t.run_total() - t->charged;
    t->charged += ran;
    t.set_vtime(t.vtime() + udiv(ran * 100, t.weight()));
    // EVOLVE-BLOCK-END
  }

  void quiescent(Task t, u64 deq_flags) {
    // EVOLVE-BLOCK-START quiescent
    // EVOLVE-BLOCK-END
  }

  void timer() {
    // EVOLVE-BLOCK-START timer
    // EVOLVE-BLOCK-END
  }

  // EVOLVE-BLOCK-START hooks
  // EVOLVE-BLOCK-END
};

OSEVOLVE_POLICY(Open, "open")
