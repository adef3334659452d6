// DARC, dynamic application-aware reserved cores: requests are sorted by type; each type gets as many CPUs as
// its share of the work, short types first; a short type may also use the CPUs of longer ones, never the other
// way round. So there is always a CPU where the next short request does not wait for a long one, without preemption.
//
// Source: H. Demoulin et al., "When idling is ideal: optimizing tail-latency for heavy-tailed datacenter workloads
// with Persephone", SOSP 2021: section 3 (algorithm 1: order of service; algorithm 2: reservation from profiled
// demand, rounded, at least one CPU for each type that occurs), one "spillway" CPU that serves every type.
//
// A task's type is its size class (`hint = "work"`: the CPU time in ns of its request), or the hint itself when it
// is below 4; without a hint it is of the last, as the paper's unknown requests. The paper merges types of like
// service times; here the classes' bounds do. Pinned tasks are served everywhere, as type 0, since the
// reservation may leave no CPU for them. After a slice a request goes to the end of its type's queue, and a type
// that has waited for patience_ns is served first on its own CPUs: both only matter in overload, where the original
// drops requests.
#include <osevolve/policy.h>
using namespace osevolve;

TUNABLE(class_1_ns, 5'000, 1, 4'000'000'000)  // types 1, 2, 3 begin at this much work
TUNABLE(class_2_ns, 50'000, 1, 4'000'000'000)
TUNABLE(class_3_ns, 500'000, 1, 4'000'000'000)
TUNABLE(profile_ns, 10'000'000, 100'000, 10'000'000'000)  // how often CPUs are reserved anew
TUNABLE(slice_ns, 20'000'000, 10'000, 1'000'000'000)
TUNABLE(patience_ns, 100'000'000, 1'000'000, 10'000'000'000)
// EVOLVE-BLOCK-START tunables
// EVOLVE-BLOCK-END

struct DarcTask {
  u64 charged;  // run_total() that the profile has
  // EVOLVE-BLOCK-START task_state
  // EVOLVE-BLOCK-END
};

struct DarcCpu {
  s32 type;  // that it is reserved for; it serves shorter ones, too
  // EVOLVE-BLOCK-START cpu_state
  // EVOLVE-BLOCK-END
};

struct Darc : Policy<DarcTask, DarcCpu> {
  static constexpr s32 kTypes = 4;

  u64 work[kTypes];  // CPU time of each type, recent more than old
  u64 total;         // of them
  u64 reserved;      // CPUs
  u64 reserved_up_to[kTypes];

  s32 init() {
    s32 error = 0;
    for_n(kTypes, [&](s32 type) {
      if (error == 0) error = dsq_create(static_cast<DsqId>(type));
    });
    // Until there is a profile all serve all: first come, first served by type.
    for_each_cpu([&](s32 c) { cpu_state(c).type = kTypes - 1; });
    timer_start(profile_ns);
    // EVOLVE-BLOCK-START init
    // EVOLVE-BLOCK-END
    return error;
  }

  void enable(Task t) { t->charged = t.run_total(); }

  s32 select_cpu(Task t, s32 prev, u64 wake_flags) {
    s32 cpu = ClaimIdle(t);
    if (cpu < 0) return prev;
    t.insert(kDsqLocal, slice_ns);
    return cpu;
  }

  void enqueue(Task t, u64 enq_flags) {
    // EVOLVE-BLOCK-START enqueue
    // By time of joining: a FIFO whose head tells how long it has waited.
    t.insert_vtime(static_cast<DsqId>(TypeOf(t)), slice_ns, now(), enq_flags);
    // EVOLVE-BLOCK-END
    s32 idle = enq_flags & kEnqWakeup ? -1 : ClaimIdle(t);
    if (idle >= 0) kick_cpu(idle, kKickIdle);
  }

  void dispatch(s32 cpu) {
    s32 own = cpu_state(cpu).type & (kTypes - 1);
    // EVOLVE-BLOCK-START dispatch
    bool found = false;
    u64 patience = static_cast<u64>(patience_ns);
    if (dsq_nr_queued(static_cast<DsqId>(own)) > 0 && before(dsq_peek_vtime(static_cast<DsqId>(own)) + patience, now()))
      found = dsq_move_to_local(static_cast<DsqId>(own));
    for_n(kTypes, [&](s32 type) {
      if (found || type > own) return false;
      found = dsq_move_to_local(static_cast<DsqId>(type));
      return true;
    });
    if (!found) keep_running(slice_ns);
    // EVOLVE-BLOCK-END
  }

  void stopping(Task t, bool runnable) {
    // EVOLVE-BLOCK-START stopping
    // EVOLVE-BLOCK-END
    u64 ran = t.run_total() - t->charged;
    t->charged += ran;
    s32 own = t.nr_allowed() == nr_cpus() ? TypeOf(t) : -1;
    for_n(kTypes, [&](s32 type) {  // the verifier must see the bounds of an index
      if (type == own) atomic_add(work[type & (kTypes - 1)], ran);
    });
  }

  // Reserves CPUs from the first on; what is left over, at least the last CPU, serves every type. Sums are members,
  // not local variables: the verifier would follow each of their values.
  void timer() {
    // EVOLVE-BLOCK-START reserve
    total = 0;
    for_n(kTypes, [&](s32 type) { total += work[type & (kTypes - 1)]; });
    reserved = 0;
    for_n(kTypes, [&](s32 type) {
      u64& demand = work[type & (kTypes - 1)];
      u64 cores = udiv(demand * static_cast<u64>(nr_cpus()) + total / 2, total);
      if (cores == 0 && demand > 0) cores = 1;
      reserved += cores;
      reserved_up_to[type & (kTypes - 1)] = reserved;
      demand -= demand / 4;
    });
    for_each_cpu([&](s32 c) {
      u64 core = static_cast<u64>(c);
      s32 type = core < reserved_up_to[0] ? 0 : core < reserved_up_to[1] ? 1 : core < reserved_up_to[2] ? 2 : 3;
      cpu_state(c).type = c == nr_cpus() - 1 ? kTypes - 1 : type;
    });
    // EVOLVE-BLOCK-END
    timer_start(profile_ns);
  }

  // EVOLVE-BLOCK-START hooks
  // EVOLVE-BLOCK-END

 private:
  OSV_INLINE static s32 TypeOf(Task t) {
    // EVOLVE-BLOCK-START type_of
    s64 hint = t.hint();
    if (t.nr_allowed() < nr_cpus()) return 0;
    if (hint == 0) return kTypes - 1;
    if (hint < kTypes) return static_cast<s32>(hint);
    return hint < class_1_ns ? 0 : hint < class_2_ns ? 1 : hint < class_3_ns ? 2 : 3;
    // EVOLVE-BLOCK-END
  }

  // An idle CPU that is reserved for the task's type, or else for the next longer one; -1: none.
  OSV_INLINE static s32 ClaimIdle(Task t) {
    s32 type = TypeOf(t);
    s32 best = -1;
    // EVOLVE-BLOCK-START claim_idle
    s32 least = kTypes;
    for_each_cpu([&](s32 c) {
      s32 there = cpu_state(c).type;
      if (there >= type && there < least && is_idle(c) && t.allowed(c)) {
        least = there;
        best = c;
      }
      return least != type;
    });
    // EVOLVE-BLOCK-END
    return best >= 0 && claim_idle(best) ? best : -1;
  }
};

OSEVOLVE_POLICY(Darc, "darc")
