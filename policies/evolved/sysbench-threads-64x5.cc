// Multi-level feedback queue: new tasks start at the top level; one that uses up its quantum
// there, in one go or in many, moves down a level, where the quantum is twice as long; a
// higher level always runs first; now and then everybody returns to the top.
//
// Sources: F. Corbató et al., "An experimental time-sharing system", AFIPS SJCC 1962 (levels,
// doubling quanta, preemption by higher levels); R. and A. Arpaci-Dusseau, "Operating Systems:
// Three Easy Pieces", chapter 8, whose rules 1 to 5 are quoted below and whose example gives
// the defaults: three levels with 10, 20 and 40 ms (figure 8.5), boosted once a second (§8.5,
// Solaris).
//
// A boost cannot reach into the queues. Instead there are two sets of queues: a boost turns the
// set in use into the old one, which is drained from its top before the new one, which is the
// order that moving everybody to the top would give. A boost waits until the last one is done.
#include <osevolve/policy.h>
using namespace osevolve;

TUNABLE(levels, 3, 1, 8)
TUNABLE(top_quantum_ns, 31'261'643, 10'000, 100'000'000)
TUNABLE(boost_ns, 1'000'000'000, 1'000'000, 10'000'000'000)
// EVOLVE-BLOCK-START tunables
// EVOLVE-BLOCK-END

struct MlfqTask {
  u64 charged;  // run_total() accounted for
  u64 used;     // of the quantum of its level
  u32 level;    // 0 is the top
  u32 epoch;    // boost that its level dates from
  // EVOLVE-BLOCK-START task_state
  // EVOLVE-BLOCK-END
};

struct MlfqCpu {
  u64 started;   // when the running task got the CPU; 0: none runs
  u64 left;      // of its quantum, then
  u32 level;     // its level
  u32 preempts;  // preemptions on their way to this CPU
  // EVOLVE-BLOCK-START cpu_state
  // EVOLVE-BLOCK-END
};

struct Mlfq : Policy<MlfqTask, MlfqCpu> {
  static constexpr s32 kMaxLevels = 8;
  static constexpr u64 kLeastSlice = 1'000;

  u32 epoch;  // boosts so far

  s32 init() {
    s32 error = 0;
    for_n(2 * kMaxLevels, [&](s32 i) {
      if (error == 0) error = dsq_create(static_cast<DsqId>(i));
    });
    timer_start(boost_ns);
    // EVOLVE-BLOCK-START init
    // EVOLVE-BLOCK-END
    return error;
  }

  // Rule 3: when a job enters the system, it is placed at the highest priority.
  void enable(Task t) {
    t->charged = t.run_total();
    t->used = 0;
    t->level = 0;
    t->epoch = epoch;
  }

  s32 select_cpu(Task t, s32 prev, u64 wake_flags) {
    // EVOLVE-BLOCK-START select_cpu
    bool idle = false;
    s32 cpu = t.select_dfl(prev, wake_flags, idle);
    if (idle) t.insert(kDsqLocal, QuantumLeft(t));
    return cpu;
    // EVOLVE-BLOCK-END
  }

  void enqueue(Task t, u64 enq_flags) {
    Boost(t);
    // Rule 2: jobs of the same priority run round-robin. One that was preempted within its
    // quantum goes on where it was.
    // EVOLVE-BLOCK-START enqueue
    u64 place = !(enq_flags & kEnqWakeup) && t->used > 0 ? kEnqHead : 0;
    t.insert(Queue(epoch, t->level), QuantumLeft(t), enq_flags | place);
    // EVOLVE-BLOCK-END

    // EVOLVE-BLOCK-START kick_idle
    if (!(enq_flags & kEnqWakeup)) {
      s32 idle = t.pick_idle();
      if (idle >= 0) {
        kick_cpu(idle, kKickIdle);
        return;
      }
    }
    // EVOLVE-BLOCK-END
    PreemptLower(t);
  }

  // Rule 1: the higher priority runs.
  void dispatch(s32 cpu) {
    MlfqCpu& cs = cpu_state(cpu);
    cs.preempts = 0;
    bool found = false;
    // EVOLVE-BLOCK-START dispatch_old
    for_n(levels, [&](s32 level) {
      found = dsq_move_to_local(Queue(epoch - 1, level));
      return !found;
    });
    if (found) return;
    // EVOLVE-BLOCK-END

    // EVOLVE-BLOCK-START dispatch
    // The task whose turn ended, if it is still runnable, is not in a queue yet: it gives way
    // to its own level and those above, and runs on before those below.
    u64 time = now();
    s32 lowest = cs.started != 0 ? LevelNow(cs, time) : levels;
    for_n(levels, [&](s32 level) {
      if (level == lowest) return false;
      found = dsq_move_to_local(Queue(epoch, level));
      return !found;
    });
    // EVOLVE-BLOCK-END
    if (found || cs.started == 0) return;

    // EVOLVE-BLOCK-START run_on
    if (lowest > static_cast<s32>(cs.level)) {
      cs.level = static_cast<u32>(min(static_cast<s64>(lowest), levels - 1));
      cs.started = time;
      cs.left = Quantum(cs.level);
    }
    keep_running(max(cs.left - (time - cs.started), kLeastSlice));
    // EVOLVE-BLOCK-END
  }

  void running(Task t) {
    // EVOLVE-BLOCK-START running
    // EVOLVE-BLOCK-END
    Boost(t);
    MlfqCpu& cs = cpu_state(t.cpu());
    cs.started = now();
    cs.left = QuantumLeft(t);
    cs.level = t->level;
    cs.preempts = 0;
  }

  void tick(Task t) {
    bool expired = Charge(t);
    MlfqCpu& cs = cpu_state(t.cpu());
    cs.started = now();
    cs.left = QuantumLeft(t);
    cs.level = t->level;
    // EVOLVE-BLOCK-START tick
    if (expired) t.set_slice(0);  // dispatch() decides
    // EVOLVE-BLOCK-END
  }

  void stopping(Task t, bool runnable) {
    // EVOLVE-BLOCK-START stopping
    // EVOLVE-BLOCK-END
    Charge(t);
    cpu_state(t.cpu()).started = 0;
  }

  // Rule 5: after some time period, move all the jobs to the topmost queue.
  void timer() {
    // EVOLVE-BLOCK-START boost
    bool draining = false;
    for_n(levels, [&](s32 level) {
      draining = dsq_nr_queued(Queue(epoch - 1, level)) > 0;
      return !draining;
    });
    if (!draining) epoch = epoch + 1;
    timer_start(boost_ns);
    // EVOLVE-BLOCK-END
  }

  // EVOLVE-BLOCK-START hooks
  // EVOLVE-BLOCK-END

 private:
  OSV_INLINE static DsqId Queue(u32 epoch, u32 level) {
    return (epoch & 1) * kMaxLevels + (level & (kMaxLevels - 1));
  }
  OSV_INLINE static u64 Quantum(u32 level) {
    return static_cast<u64>(top_quantum_ns) << (level & (kMaxLevels - 1));
  }
  OSV_INLINE static u64 QuantumLeft(Task t) { return max(Quantum(t->level) - t->used, kLeastSlice); }

  // Applies a boost that happened since the task was last looked at.
  OSV_INLINE void Boost(Task t) {
    if (t->epoch == epoch) return;
    t->epoch = epoch;
    t->level = 0;
    t->used = 0;
  }

  // Rule 4: once a job uses up its time allotment at a given level (regardless of how many
  // times it has given up the CPU), its priority is reduced. True when it did.
  OSV_INLINE bool Charge(Task t) {
    u64 ran = t.run_total() - t->charged;
    t->charged += ran;
    Boost(t);
    t->used += ran;
    // EVOLVE-BLOCK-START demote
    bool expired = false;
    for_n(kMaxLevels, [&](s32) {  // without ticks, several quanta may have passed
      if (t->used < Quantum(t->level)) return false;
      t->used -= Quantum(t->level);
      if (static_cast<s64>(t->level) + 1 < levels) t->level += 1;
      expired = true;
      return true;
    });
    if (expired) t->used = 0;
    return expired;
    // EVOLVE-BLOCK-END
  }

  // Level of a CPU's running task by now: one lower when its quantum has run out.
  OSV_INLINE static s32 LevelNow(const MlfqCpu& cs, u64 time) {
    bool expired = static_cast<s64>(time - cs.started) >= static_cast<s64>(cs.left);
    return static_cast<s32>(cs.level) + (expired ? 1 : 0);
  }

  // Preempts the CPU that runs the lowest level, if that is lower than the task's.
  OSV_INLINE void PreemptLower(Task t) {
    // EVOLVE-BLOCK-START preempt_lower
    u64 time = now();
    s32 lowest = static_cast<s32>(t->level);
    s32 victim = -1;
    for_each_cpu([&](s32 c) {
      const MlfqCpu& cs = cpu_state(c);
      s32 level = LevelNow(cs, time);
      if (cs.started != 0 && cs.preempts == 0 && level > lowest && t.allowed(c)) {
        lowest = level;
        victim = c;
      }
    });
    if (victim >= 0 && atomic_add(cpu_state(victim).preempts, 1u) == 0) kick_cpu(victim, kKickPreempt);
    // EVOLVE-BLOCK-END
  }
};

OSEVOLVE_POLICY(Mlfq, "mlfq")
