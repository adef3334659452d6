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
// the hint counts anew. Without a hint it is predicted to be what the task used to need between
// two sleeps; once it exceeds that, to need as much again as it has had. Whoever has long requests waits
// as long as short ones keep the CPUs busy: that is the discipline.
#include <osevolve/policy.h>
using namespace osevolve;

TUNABLE(slice_ns, 20'000'000, 1'000, 1'000'000'000)    // after which the running task is compared again
TUNABLE(least_gain_ns, 0, 0, 1'000'000'000)            // a preemption must save this much
TUNABLE(first_guess_ns, 1'000'000, 1, 1'000'000'000)   // of a task that is new and has no hint
// EVOLVE-BLOCK-START tunables
TUNABLE(turn_ns, 50'000'000, 1'000, 1'000'000'000)  // of a long task that is interrupted, before another takes its place
TUNABLE(long_ns, 4'000'000, 1'000, 1'000'000'000)
// EVOLVE-BLOCK-END

struct SrptTask {
  u64 base;   // run_total() when its request began
  u64 work;   // of the request
  u64 usual;  // mean of what it needed between sleeps, recent ones more
  // EVOLVE-BLOCK-START task_state
  u64 turn_base;  // run_total() when its turn began
  // EVOLVE-BLOCK-END
};

struct SrptCpu {
  u64 left;      // of the running task, at `since`, of what was predicted; and what it had used
  u64 used;
  u64 since;
  u64 promised;  // work left of a task that was sent here and has not begun; kNobody: none
  u32 busy;
  u32 yielded;
  u32 ending;  // its size is known: past it, it is about to end (clocks differ a little), at most for a slice
  // EVOLVE-BLOCK-START cpu_state
  // EVOLVE-BLOCK-END
};

struct Srpt : Policy<SrptTask, SrptCpu> {
  static constexpr DsqId kQueue = 0;
  static constexpr u64 kNobody = ~0ULL;

  s32 init() {
    for_each_cpu([&](s32 c) { cpu_state(c).promised = kNobody; });
    s32 error = dsq_create(kQueue);
    // EVOLVE-BLOCK-START init
    for_each_cpu([&](s32 c) { if (!error) error = dsq_create(kOwn + static_cast<u64>(c)); });
    // EVOLVE-BLOCK-END
    return error;
  }

  void enable(Task t) {
    t->usual = static_cast<u64>(first_guess_ns);
    BeginRequest(t);
  }

  s32 select_cpu(Task t, s32 prev, u64 wake_flags) {
    // EVOLVE-BLOCK-START select_cpu
    s32 cpu = t.allowed(prev) && claim_idle(prev) ? prev : t.pick_idle();
    if (cpu < 0) return prev;
    t.insert(kDsqLocal, slice_ns);
    return cpu;
    // EVOLVE-BLOCK-END
  }

  void runnable(Task t, u64 enq_flags) {
    // EVOLVE-BLOCK-START runnable
    // EVOLVE-BLOCK-END
    BeginRequest(t);
  }

  void enqueue(Task t, u64 enq_flags) {
    u64 left = Left(t);
    // EVOLVE-BLOCK-START enqueue
    if ((enq_flags & kEnqWakeup) != 0) {
      s32 victim = t.allowed(t.cpu()) ? t.cpu() : -1;
      t.insert(local_on(victim), static_cast<u64>(least_gain_ns), enq_flags | kEnqPreempt);
      return;
    }
    // Long work that is interrupted goes on where it was, with its working set.
    if (!(enq_flags & kEnqWakeup) && left > static_cast<u64>(long_ns) && t.run_total() - t->turn_base < static_cast<u64>(turn_ns)) {
      t.insert(kOwn + static_cast<u64>(t.cpu()), slice_ns, enq_flags);
      return;
    }
    t->turn_base = t.run_total();
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
    cs.promised = kNobody;
    cs.ending = 0;
    // EVOLVE-BLOCK-START dispatch
    // The task whose turn ended, if it is still runnable, is not in the queue yet.
    bool stays = cs.busy && !cs.yielded && dsq_nr_queued(kQueue) > 0 && LeftNow(cs) < dsq_peek_vtime(kQueue);
    cs.yielded = 0;
    bool urgent = dsq_nr_queued(kQueue) > 0 && dsq_peek_vtime(kQueue) < static_cast<u64>(long_ns);
    if (!stays && !urgent && dsq_move_to_local(kOwn + static_cast<u64>(cpu))) return;
    if (stays || !dsq_move_to_local(kQueue)) keep_running(slice_ns);
    // EVOLVE-BLOCK-END
  }

  void running(Task t) {
    // EVOLVE-BLOCK-START running
    // EVOLVE-BLOCK-END
    SrptCpu& cs = cpu_state(t.cpu());
    u64 left = Left(t);
    cs.used = t.run_total() - t->base;
    cs.left = cs.used < t->work ? left : 0;  // 0: it has exceeded what was predicted
    cs.since = now();
    cs.promised = kNobody;
    cs.busy = 1;
    cs.yielded = 0;
    cs.ending = t.hint() != 0;
  }

  bool yield(Task t) {
    cpu_state(t.cpu()).yielded = 1;
    t.set_slice(0);
    return false;
  }

  void stopping(Task t, bool runnable) {
    cpu_state(t.cpu()).busy = 0;
    // EVOLVE-BLOCK-START predict
    if (!runnable) t->usual = (3 * t->usual + t.run_total() - t->base) / 4;
    // EVOLVE-BLOCK-END
  }

  // EVOLVE-BLOCK-START hooks
  static constexpr DsqId kOwn = 1000;
  // EVOLVE-BLOCK-END

 private:
  OSV_INLINE static void BeginRequest(Task t) {
    t->base = t.run_total();
    t->work = t.hint() != 0 ? t.hint() : t->usual;
  }

  OSV_INLINE static u64 Left(Task t) {
    u64 used = t.run_total() - t->base;
    // EVOLVE-BLOCK-START exceeded
    if (used >= t->work && t.hint() == 0) return used;
    if (used >= t->work) {
      BeginRequest(t);
      used = 0;
    }
    // EVOLVE-BLOCK-END
    return t->work - used;
  }

  OSV_INLINE static u64 LeftNow(const SrptCpu& cs) {
    u64 time = now();
    u64 ran = before(cs.since, time) ? time - cs.since : 0;
    if (ran < cs.left) return cs.left - ran;
    return cs.ending ? 0 : cs.used + ran;
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
