// The kernel's global queue and nothing of one's own: first come, first served with long slices, as fifo, but without a dispatch
// hook, since a CPU that runs dry looks into that queue by itself. Where tasks yield or switch every few hundred
// nanoseconds a hook is most of what a scheduler can save; where they do not, this is fifo.
//
// Source: SCX_DSQ_GLOBAL and balance_one() in kernel/sched/ext.c (Linux 6.12); the default of every operation that a
// sched_ext scheduler leaves out.
#include <osevolve/policy.h>
using namespace osevolve;

TUNABLE(slice_ns, 20'000'000, 100'000, 1'000'000'000)
// EVOLVE-BLOCK-START tunables
TUNABLE(late_ns, 140'000, 0, 100'000'000)  // a waker that has run for so long will soon sleep
// EVOLVE-BLOCK-END

struct GlobalTask {
  // EVOLVE-BLOCK-START task_state
  // EVOLVE-BLOCK-END
};

struct GlobalCpu {
  // EVOLVE-BLOCK-START cpu_state
  u64 turn_began;
  // EVOLVE-BLOCK-END
};

struct Global : Policy<GlobalTask, GlobalCpu> {
  void enqueue(Task t, u64 enq_flags) {
    // EVOLVE-BLOCK-START enqueue
    t.insert(kDsqGlobal, slice_ns, enq_flags);
    // EVOLVE-BLOCK-END
  }

  // EVOLVE-BLOCK-START hooks
  s32 select_cpu(Task t, s32 prev, u64 wake_flags) {
    // Waking an idle CPU costs the waker an interrupt, and the woken task the CPU's way out of idleness. A waker late in
    // its turn is about to sleep: whom it wakes takes over its CPU then.
    s32 me = this_cpu();
    if (running_pid(me) != 0 && now() - cpu_state(me).turn_began > static_cast<u64>(late_ns)) return me;
    s32 cpu = t.pick_idle();
    if (cpu < 0) return prev;
    return cpu;
  }
  void running(Task t) {
    cpu_state(this_cpu()).turn_began = now();
  }
  // EVOLVE-BLOCK-END
};

OSEVOLVE_POLICY(Global, "global")
