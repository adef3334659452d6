// Shortest remaining processing time: the request with the least work left runs, and takes the
// CPU of one that has more. No policy has a smaller mean response time on one CPU.
//
// Source: L. Schrage, "A proof of the optimality of the shortest remaining processing time
// discipline", Operations Research 16(3), 1968; for its behaviour L. Schrage and L. Miller, "The queue
// M/G/1 with the shortest remaining processing time discipline", Operations Research 14(4), 1966.
//
// It has to know sizes: a task's hint is the CPU time in ns of the request that it is about to
// serve (`hint = "work"` in a workload file). Work left is that minus what the task has used since
// it was woken, or since it used that much: then it has another request, or the hint was wrong, and
// the hint counts anew. Tasks without a hint come after all others, round robin. Whoever has long
// requests waits as long as short ones keep the CPUs busy: that is the discipline.
#include <osevolve/policy.h>
using namespace osevolve;

TUNABLE(slice_ns, 20'000'000, 1'000, 1'000'000'000)        // of tasks without a hint; others are looked at again
TUNABLE(least_gain_ns, 0, 0, 1'000'000'000)                // a preemption must save this much

struct SrptTask {
  u64 base;  // run_total() when its request began
  u64 work;  // of the request; kUnknown without a hint
};

struct SrptCpu {
  u64 left;      // of the running task, at `since`
  u64 since;
  u64 promised;  // work left of a task that was sent here and has not begun; kUnknown: none
  u32 busy;
  u32 yielded;
};

struct Srpt : Policy<SrptTask, SrptCpu> {
  static constexpr DsqId kQueue = 0;
  static constexpr u64 kUnknown = 1ULL << 32;  // more than any hint

  s32 init() {
    for_each_cpu([&](s32 c) { cpu_state(c).promised = kUnknown; });
    return dsq_create(kQueue);
  }

  void enable(Task t) { BeginRequest(t); }

  s32 select_cpu(Task t, s32 prev, u64 wake_flags) {
    // EVOLVE-BLOCK-START select_cpu
    s32 cpu = t.allowed(prev) && claim_idle(prev) ? prev : t.pick_idle();
    if (cpu < 0) return prev;
    t.insert(kDsqLocal, slice_ns);
    return cpu;
    // EVOLVE-BLOCK-END
  }

  void runnable(Task t, u64 enq_flags) { BeginRequest(t); }

  void enqueue(Task t, u64 enq_flags) {
    u64 left = Left(t);
    // EVOLVE-BLOCK-START enqueue
    t.insert_vtime(kQueue, slice_ns, left, enq_flags);
    // EVOLVE-BLOCK-END

    // EVOLVE-BLOCK-START kick_idle
    // A preempted request finds an idle CPU only when a pinned one took its place.
    s32 idle = enq_flags & kEnqWakeup ? -1 : t.pick_idle();
    if (idle >= 0) {
      kick_cpu(idle, kKickIdle);
      return;
    }
    // EVOLVE-BLOCK-END
    PreemptLongest(t, left);
  }

  void dispatch(s32 cpu) {
    SrptCpu& cs = cpu_state(cpu);
    cs.promised = kUnknown;
    // EVOLVE-BLOCK-START dispatch
    // The task whose turn ended, if it is still runnable, is not in the queue yet.
    bool stays = cs.busy && !cs.yielded && dsq_nr_queued(kQueue) > 0 && LeftNow(cs) < dsq_peek_vtime(kQueue);
    cs.yielded = 0;
    if (stays || !dsq_move_to_local(kQueue)) keep_running(slice_ns);
    // EVOLVE-BLOCK-END
  }

  void running(Task t) {
    SrptCpu& cs = cpu_state(t.cpu());
    cs.left = Left(t);
    cs.since = now();
    cs.promised = kUnknown;
    cs.busy = 1;
    cs.yielded = 0;
  }

  bool yield(Task t) {
    cpu_state(t.cpu()).yielded = 1;
    t.set_slice(0);
    return false;
  }

  void stopping(Task t, bool runnable) { cpu_state(t.cpu()).busy = 0; }

 private:
  OSV_INLINE static void BeginRequest(Task t) {
    t->base = t.run_total();
    t->work = t.hint() != 0 ? t.hint() : kUnknown;
  }

  OSV_INLINE static u64 Left(Task t) {
    if (t->work != kUnknown && t.run_total() - t->base >= t->work) BeginRequest(t);
    return t->work == kUnknown ? kUnknown : t->work - (t.run_total() - t->base);
  }

  OSV_INLINE static u64 LeftNow(const SrptCpu& cs) {
    if (cs.left == kUnknown) return kUnknown;
    u64 time = now();
    u64 ran = before(cs.since, time) ? time - cs.since : 0;
    return ran < cs.left ? cs.left - ran : 0;
  }

  // The CPU whose task has most left, if that is more than this one's.
  OSV_INLINE static void PreemptLongest(Task t, u64 left) {
    // EVOLVE-BLOCK-START preempt
    s32 longest = -1;
    u64 most = left + static_cast<u64>(least_gain_ns);
    for_each_cpu([&](s32 c) {
      const SrptCpu& cs = cpu_state(c);
      if (!cs.busy) return;
      u64 there = min(LeftNow(cs), cs.promised);
      if (there > most && t.allowed(c)) {
        most = there;
        longest = c;
      }
    });
    if (longest < 0) return;
    cpu_state(longest).promised = left;
    kick_cpu(longest, kKickPreempt);
    // EVOLVE-BLOCK-END
  }
};

OSEVOLVE_POLICY(Srpt, "srpt")
