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
TUNABLE(most, 16, 1, 1'024)  // requests in progress, beyond which nobody hands out more
// EVOLVE-BLOCK-END

struct GlobalTask {
  // EVOLVE-BLOCK-START task_state
  u64 run_at_begin;  // run_total() when its request began, or it last slept after work
  bool works;        // it has had bursts of a millisecond
  bool admitted;     // its request is in progress
  // EVOLVE-BLOCK-END
};

struct GlobalCpu {
  // EVOLVE-BLOCK-START cpu_state
  // EVOLVE-BLOCK-END
};

struct Global : Policy<GlobalTask, GlobalCpu> {
  void enqueue(Task t, u64 enq_flags) {
    // EVOLVE-BLOCK-START enqueue
    t.insert(!t->works && Full() ? kPatient : kDsqGlobal, slice_ns, enq_flags);
    // EVOLVE-BLOCK-END
  }

  // EVOLVE-BLOCK-START hooks
  // Hardware threads of a core slow each other down, so requests are sooner done one a core. Who hands them out, by
  // short bursts, waits while as many are in progress.
  static constexpr DsqId kPatient = 1'000;
  s64 in_progress;
  bool Full() const { return in_progress >= most; }
  s32 init() { return dsq_create(kPatient); }
  void dispatch(s32 cpu) {
    if (!Full()) dsq_move_to_local(kPatient);
  }
  s32 select_cpu(Task t, s32 prev, u64 wake_flags) {
    if (t->works && t.waker() != 0 && !t->admitted) {
      t->admitted = true;
      t->run_at_begin = t.run_total();
      if (atomic_add(in_progress, s64{1}) + 1 >= most && t.allowed(this_cpu())) {
        t.insert(kDsqLocal, slice_ns, kEnqPreempt);  // takes the place of who hands out
        return this_cpu();
      }
    }
    bool idle = false;
    s32 cpu = t.select_dfl(prev, wake_flags, idle);
    if (idle) t.insert(kDsqLocal, slice_ns);
    return cpu;
  }
  void quiescent(Task t, u64 deq_flags) {
    if (t.run_total() - t->run_at_begin < 1'000'000) return;
    t->works = true;
    if (t->admitted) atomic_add(in_progress, s64{-1});
    t->admitted = false;
  }
  void runnable(Task t, u64 enq_flags) {
  }
  // EVOLVE-BLOCK-END
};

OSEVOLVE_POLICY(Global, "global")
