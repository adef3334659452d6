// SPDX-License-Identifier: MIT OR GPL-2.0-only
//
// policy.h: everything a CPU scheduling policy may see. Freestanding C++20.
//
// A policy is one .cc file that includes this header and nothing else. The same file runs
//   - natively, as a .so inside the simulator (and the user-space agent),
//   - inside the Linux kernel, compiled to BPF for sched_ext.
// The hooks and services are spelt like sched_ext's `struct sched_ext_ops` and kfuncs
// (Linux kernel/sched/ext.c, include/linux/sched/ext.h, 6.12): what you know about
// sched_ext holds here. The smallest complete policy is policies/fifo.cc.
//
// RULES OF THE MODULE
//   Units      time is u64 nanoseconds; weight is 1..10000 with 100 = nice 0 (cgroup scale,
//              as p->scx.weight); memory is in KiB.
//   State      TaskState, CpuState and the policy object itself (the global state) are plain
//              trivially copyable structs. The host hands out zeroed storage: there are no
//              constructors, so give no default member initialisers; use init/init_task.
//              At most kMaxTaskState, kMaxCpuState and kMaxSelf bytes.
//   Portable   no heap, exceptions, recursion, floating point, virtual calls, function
//   subset     pointers, inline assembly, libc, 128-bit arithmetic, static locals or
//              mutable globals; loops only by for_each_cpu / for_n; division only through
//              udiv / sdiv / umod / smod. The gate refuses the rest, because the BPF
//              verifier would.
//   Handles    a Task is valid during the hook that received it. Never store one: store the
//              pid (the verifier refuses a stored task pointer, and so does the gate).
//   Contexts   each hook says where it runs. Services marked [dispatch] may be called in
//              dispatch() only, [init] in init() only; breaking that ejects the policy, in
//              the simulator's checked mode as in the kernel.
//   Costs      hooks, queue operations and kicks cost time on the calling CPU, taken from the
//              machine profile; look-ups cost what its [service] table says, more for another
//              CPU's state. In the kernel that is a cache miss: do not scan all CPUs in every hook.
//   Threads    the kernel runs hooks on many CPUs at once. A hook of one CPU may read
//              another CPU's state; to write what several CPUs write, use atomic_add.
//              The simulator runs one hook at a time.
//   Errors     services never fail on a bad argument by crashing: the host ejects the policy
//              and names the rule. Return values are documented where they can be negative
//              (a negative errno).
#ifndef OSEVOLVE_POLICY_H_
#define OSEVOLVE_POLICY_H_

#define OSV_INLINE __attribute__((always_inline)) inline
#define OSV_HOOK extern "C" __attribute__((always_inline))  // BPF entry points

namespace osevolve {

using u64 = unsigned long long;
using s64 = long long;
using u32 = unsigned int;
using s32 = int;
using u8 = unsigned char;

using DsqId = u64;

// Sizes of the state a policy may declare, in bytes. Generous for a scheduler, small enough
// for BPF task storage and .bss.
inline constexpr u32 kMaxTaskState = 128;
inline constexpr u32 kMaxCpuState = 256;
inline constexpr u32 kMaxSelf = 4096;
inline constexpr u32 kMaxCounters = 64;

// Dispatch queues (DSQ). User queues have any id below 2^63 and are made by dsq_create in
// init(); a queue is FIFO or vtime-ordered, never both at once (sched_ext ejects a mix).
inline constexpr DsqId kDsqGlobal = (1ULL << 63) | 1;   // SCX_DSQ_GLOBAL: FIFO, every idle CPU looks here
inline constexpr DsqId kDsqLocal = (1ULL << 63) | 2;    // SCX_DSQ_LOCAL: FIFO of the task's CPU
inline constexpr DsqId kDsqLocalOn = 3ULL << 62;        // SCX_DSQ_LOCAL_ON | cpu
OSV_INLINE constexpr DsqId local_on(s32 cpu) { return kDsqLocalOn | static_cast<u32>(cpu); }

inline constexpr u64 kSliceDefault = 20'000'000;        // SCX_SLICE_DFL
inline constexpr u64 kSliceInfinite = ~0ULL;            // SCX_SLICE_INF: until it blocks or is preempted

// Flags of enqueue() and of the insert services (SCX_ENQ_*).
inline constexpr u64 kEnqWakeup = 1;                    // the task just woke up
inline constexpr u64 kEnqHead = 1ULL << 4;              // insert at the head of a FIFO queue
inline constexpr u64 kEnqPreempt = 1ULL << 32;          // preempt the CPU whose local queue it enters
inline constexpr u64 kEnqLast = 1ULL << 41;             // nothing else to run here

// Flags of select_cpu() (SCX_WAKE_*, WF_*).
inline constexpr u64 kWakeTtwu = 1ULL << 3;             // a wake-up
inline constexpr u64 kWakeFork = 1ULL << 2;             // a new task
inline constexpr u64 kWakeSync = 1ULL << 4;             // the waker is about to sleep

// Flags of kick_cpu() (SCX_KICK_*), one at a time.
inline constexpr u64 kKickIdle = 1;                     // only if the CPU is idle
inline constexpr u64 kKickPreempt = 2;                  // end the running task's slice

// Flags of pick_idle() (SCX_PICK_IDLE_*).
inline constexpr u64 kPickIdleCore = 1;                 // only a CPU whose SMT siblings are idle too

struct osv_task;                                        // opaque: task_struct in the kernel

// ---------------------------------------------------------------------------------------
// Host services, as the host implements them. Policies use the C++ spellings further down,
// where they are documented.

struct OsvIter {                                        // struct bpf_iter_num
  alignas(8) u64 opaque[1];
};

// X(return type, name, parameters, arguments). One list serves both hosts. No service keeps
// a pointer after it returns.
#define OSV_SERVICES(X)                                                                      \
  X(u64, now, (), ())                                                                        \
  X(s32, this_cpu, (), ())                                                                   \
  X(u32, nr_cpus, (), ())                                                                    \
  X(u32, random, (), ())                                                                     \
  X(s32, cpu_llc, (s32 cpu), (cpu))                                                          \
  X(s32, cpu_node, (s32 cpu), (cpu))                                                         \
  X(s32, cpu_sibling, (s32 cpu), (cpu))                                                      \
  X(s32, cpu_running, (s32 cpu), (cpu))                                                      \
  X(bool, cpu_idle, (s32 cpu), (cpu))                                                        \
  X(s32, dsq_create, (u64 dsq), (dsq))                                                       \
  X(void, dsq_insert, (osv_task * t, u64 dsq, u64 slice, u64 flags), (t, dsq, slice, flags)) \
  X(void, dsq_insert_vtime, (osv_task * t, u64 dsq, u64 slice, u64 vtime, u64 flags),        \
    (t, dsq, slice, vtime, flags))                                                           \
  X(bool, dsq_move_to_local, (u64 dsq), (dsq))                                               \
  X(void, keep_running, (u64 slice), (slice))                                                \
  X(s32, dsq_nr_queued, (u64 dsq), (dsq))                                                    \
  X(s32, dsq_peek, (u64 dsq), (dsq))                                                         \
  X(u64, dsq_peek_vtime, (u64 dsq), (dsq))                                                   \
  X(s32, pick_idle, (osv_task * t, u64 flags), (t, flags))                                   \
  X(s32, pick_idle_in, (osv_task * t, s32 near, u32 domain, u64 flags), (t, near, domain, flags)) \
  X(bool, claim_idle, (s32 cpu), (cpu))                                                      \
  X(s32, select_dfl, (osv_task * t, s32 prev, u64 wake_flags, bool* idle), (t, prev, wake_flags, idle)) \
  X(void, kick_cpu, (s32 cpu, u64 flags), (cpu, flags))                                      \
  X(void, timer_start, (u64 delay), (delay))                                                 \
  X(void, count, (u32 id, u64 n), (id, n))                                                   \
  X(void, iter_new, (OsvIter * it, s32 begin, s32 end), (it, begin, end))                    \
  X(s32*, iter_next, (OsvIter * it), (it))                                                   \
  X(void, iter_destroy, (OsvIter * it), (it))                                                \
  X(s32, task_pid, (osv_task * t), (t))                                                      \
  X(s32, task_tgid, (osv_task * t), (t))                                                     \
  X(u32, task_comm, (osv_task * t), (t))                                                     \
  X(u32, task_weight, (osv_task * t), (t))                                                   \
  X(s32, task_cpu, (osv_task * t), (t))                                                      \
  X(bool, task_allowed, (osv_task * t, s32 cpu), (t, cpu))                                   \
  X(u32, task_nr_allowed, (osv_task * t), (t))                                               \
  X(u64, task_slice, (osv_task * t), (t))                                                    \
  X(void, task_set_slice, (osv_task * t, u64 slice), (t, slice))                             \
  X(u64, task_vtime, (osv_task * t), (t))                                                    \
  X(void, task_set_vtime, (osv_task * t, u64 vtime), (t, vtime))                             \
  X(u64, task_run_total, (osv_task * t), (t))                                                \
  X(u64, task_wait_total, (osv_task * t), (t))                                               \
  X(u64, task_nr_wakeups, (osv_task * t), (t))                                               \
  X(s32, task_waker, (osv_task * t), (t))                                                    \
  X(u32, task_hint, (osv_task * t), (t))                                                     \
  X(void*, task_state, (osv_task * t), (t))                                                  \
  X(void*, cpu_state, (s32 cpu), (cpu))                                                      \
  X(void*, self, (), ())

#ifdef __bpf__
#define OSV_DECLARE(ret, name, params, args) extern "C" ret osv_##name params;
OSV_SERVICES(OSV_DECLARE)
#undef OSV_DECLARE
#else
// The native host hands the policy this table once (OsvPolicy::bind), before any hook. A host
// refuses a policy whose abi differs from its own.
inline constexpr u32 kAbiVersion = 1;
struct OsvHost {
  u32 abi;
#define OSV_FIELD(ret, name, params, args) ret(*name) params;
  OSV_SERVICES(OSV_FIELD)
#undef OSV_FIELD
};
// Bound once by the host; a policy has no other mutable global.
inline const OsvHost* osv_host;
#define OSV_FORWARD(ret, name, params, args) \
  OSV_INLINE ret osv_##name params { return osv_host->name args; }
OSV_SERVICES(OSV_FORWARD)
#undef OSV_FORWARD
#endif

// ---------------------------------------------------------------------------------------
// Services for policies. "sched_ext:" names the kfunc, "ghOSt:" the message or call that
// each one stands for.

// Clock, in ns since the run began (kernel: since boot). Monotonic, the same on all CPUs.
// Cost: one clock read. sched_ext: scx_bpf_now / bpf_ktime_get_ns.
OSV_INLINE u64 now() { return osv_now(); }
// CPU that runs this hook. Free. sched_ext: bpf_get_smp_processor_id.
OSV_INLINE s32 this_cpu() { return osv_this_cpu(); }
// CPUs are numbered 0 .. nr_cpus() - 1. Free. sched_ext: scx_bpf_nr_cpu_ids.
OSV_INLINE s32 nr_cpus() { return static_cast<s32>(osv_nr_cpus()); }
// 32 random bits; seeded in the simulator. sched_ext: bpf_get_prandom_u32.
OSV_INLINE u32 random() { return osv_random(); }

// Topology. All three are free and take any integer (out of range reads CPU 0).
OSV_INLINE s32 llc_of(s32 cpu) { return osv_cpu_llc(cpu); }        // last-level-cache domain
OSV_INLINE s32 node_of(s32 cpu) { return osv_cpu_node(cpu); }      // NUMA node
OSV_INLINE s32 sibling_of(s32 cpu) { return osv_cpu_sibling(cpu); }// SMT sibling, or cpu itself

// pid of what runs on a CPU, 0 when idle. A remote read. sched_ext: scx_bpf_cpu_rq(cpu)->curr.
OSV_INLINE s32 running_pid(s32 cpu) { return osv_cpu_running(cpu); }
// Whether a CPU is marked idle, without claiming it. sched_ext: scx_bpf_get_idle_cpumask.
OSV_INLINE bool is_idle(s32 cpu) { return osv_cpu_idle(cpu); }

// [init] Makes a user queue. 0, or -EEXIST (-17), -EINVAL (-22) for an id >= 2^63, -ENOMEM
// (-12) beyond 4096 queues. sched_ext: scx_bpf_create_dsq.
OSV_INLINE s32 dsq_create(DsqId dsq) { return osv_dsq_create(dsq); }
// [dispatch] Moves the first task of a queue that may run on this CPU to this CPU's local
// queue; false when there is none. Costs a queue operation.
// sched_ext: scx_bpf_dsq_move_to_local (6.12: scx_bpf_consume).
OSV_INLINE bool dsq_move_to_local(DsqId dsq) { return osv_dsq_move_to_local(dsq); }
// [dispatch] Gives the task whose slice ended, if it still wants the CPU, `slice` ns more: it
// runs on, ahead of anything moved to the local queue. For policies with a short quantum, when
// no queue had work: without it the task gets kSliceDefault.
// sched_ext: prev->scx.slice = slice in ops.dispatch(cpu, prev).
OSV_INLINE void keep_running(u64 slice) { osv_keep_running(slice); }
// Queued tasks in a queue, also in local_on(cpu). A remote read.
// sched_ext: scx_bpf_dsq_nr_queued.
OSV_INLINE s32 dsq_nr_queued(DsqId dsq) { return osv_dsq_nr_queued(dsq); }
// pid of the first task of a queue, 0 when empty; and its vtime (0 when empty or FIFO).
// sched_ext: bpf_for_each(scx_dsq), first element.
OSV_INLINE s32 dsq_peek(DsqId dsq) { return osv_dsq_peek(dsq); }
OSV_INLINE u64 dsq_peek_vtime(DsqId dsq) { return osv_dsq_peek_vtime(dsq); }

// Marks an idle CPU busy and returns true, once: whoever claims it should send work there.
// sched_ext: scx_bpf_test_and_clear_cpu_idle.
OSV_INLINE bool claim_idle(s32 cpu) { return osv_claim_idle(cpu); }
// Makes a CPU reschedule: costs an inter-processor interrupt when remote.
// sched_ext: scx_bpf_kick_cpu. ghOSt: RunRequest on a remote CPU.
OSV_INLINE void kick_cpu(s32 cpu, u64 flags = 0) { osv_kick_cpu(cpu, flags); }
// Arms the policy's one timer: timer() runs once, `delay` ns from now (at least 10 us);
// re-arming replaces. sched_ext: bpf_timer_start.
OSV_INLINE void timer_start(u64 delay) { osv_timer_start(delay); }
// Adds to a counter that reports show; id < kMaxCounters, others are ignored.
OSV_INLINE void count(u32 id, u64 n = 1) { osv_count(id, n); }

// Domains for pick_idle_in, relative to a CPU.
inline constexpr u32 kSameCore = 0, kSameLlc = 1, kSameNode = 2, kAnywhere = 3;

// Arithmetic. BPF defines x / 0 = 0 and x % 0 = x, a native CPU traps: these functions are the
// BPF rule on both, and INT64_MIN / -1 wraps.
OSV_INLINE constexpr u64 udiv(u64 a, u64 b) { return b ? a / b : 0; }
OSV_INLINE constexpr u64 umod(u64 a, u64 b) { return b ? a % b : a; }
OSV_INLINE constexpr s64 sdiv(s64 a, s64 b) {
  return b == 0 ? 0 : b == -1 ? static_cast<s64>(0 - static_cast<u64>(a)) : a / b;
}
OSV_INLINE constexpr s64 smod(s64 a, s64 b) { return b == 0 ? a : b == -1 ? 0 : a % b; }
template <class T> OSV_INLINE constexpr T min(T a, T b) { return b < a ? b : a; }
template <class T> OSV_INLINE constexpr T max(T a, T b) { return a < b ? b : a; }
template <class T> OSV_INLINE constexpr T clamp(T v, T lo, T hi) { return v < lo ? lo : hi < v ? hi : v; }
// a is before b on a clock that may wrap (time_before64, vtime comparisons).
OSV_INLINE constexpr bool before(u64 a, u64 b) { return static_cast<s64>(a - b) < 0; }
// Adds to what several CPUs write; returns the value before. u32/s32/u64/s64 only.
template <class T> OSV_INLINE T atomic_add(T& x, T n) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "BPF has 32- and 64-bit atomics only");
  return __atomic_fetch_add(&x, n, __ATOMIC_RELAXED);
}

// Bounded loops: f(i) for i in [0, n), n at most 65536; f returning bool stops on false.
// sched_ext: bpf_iter_num, which the verifier checks once for any n.
// Natively the loop is compiled in place; the empty asm keeps its shape, so that no compiler makes a
// call of memset or memcpy of it, which a policy object must not have.
class Range {
 public:
#ifdef __bpf__
  OSV_INLINE Range(s32 begin, s32 end) { osv_iter_new(&it_, begin, end); }
  OSV_INLINE ~Range() { osv_iter_destroy(&it_); }
  OSV_INLINE s32* next() { return osv_iter_next(&it_); }

 private:
  OsvIter it_;
#else
  OSV_INLINE Range(s32 begin, s32 end) : next_(begin), end_(end) {}
  OSV_INLINE s32* next() {
    __asm__ volatile("" : "+r"(next_));
    if (next_ >= end_) return nullptr;
    value_ = next_++;
    return &value_;
  }

 private:
  s32 next_, end_, value_ = 0;
#endif
};
template <class F> OSV_INLINE void for_n(s32 n, F&& f) {
  Range range(0, n < 65536 ? n : 65536);
  while (s32* i = range.next()) {
    if constexpr (requires { static_cast<bool>(f(*i)); }) {
      if (!f(*i)) break;
    } else {
      f(*i);
    }
  }
}
template <class F> OSV_INLINE void for_each_cpu(F&& f) { for_n(nr_cpus(), static_cast<F&&>(f)); }

// A task, by value: two words. S is the policy's TaskState; `t->field` reads it.
template <class S> struct TaskRef {
  osv_task* p;
  S* s;

  OSV_INLINE S* operator->() const { return s; }
  OSV_INLINE S& state() const { return *s; }

  // Identity. Free.
  OSV_INLINE s32 pid() const { return osv_task_pid(p); }
  OSV_INLINE s32 tgid() const { return osv_task_tgid(p); }
  // FNV-1a hash of comm, to compare with comm_hash("name"): a policy may favour a program.
  OSV_INLINE u32 comm() const { return osv_task_comm(p); }
  OSV_INLINE u32 weight() const { return osv_task_weight(p); }          // 1..10000, 100 = nice 0
  // 32 bits the application set for itself (a request class, a deadline), 0 when unset.
  OSV_INLINE u32 hint() const { return osv_task_hint(p); }

  // Placement. cpu() is where it runs or ran last.
  OSV_INLINE s32 cpu() const { return osv_task_cpu(p); }
  OSV_INLINE bool allowed(s32 c) const { return osv_task_allowed(p, c); }
  OSV_INLINE s32 nr_allowed() const { return static_cast<s32>(osv_task_nr_allowed(p)); }

  // What is left of the slice, ns; setting it to 0 in tick() ends the turn.
  // sched_ext: p->scx.slice.
  OSV_INLINE u64 slice() const { return osv_task_slice(p); }
  OSV_INLINE void set_slice(u64 ns) const { osv_task_set_slice(p, ns); }
  // Key of the vtime queues, free for the policy to use. sched_ext: p->scx.dsq_vtime.
  OSV_INLINE u64 vtime() const { return osv_task_vtime(p); }
  OSV_INLINE void set_vtime(u64 v) const { osv_task_set_vtime(p, v); }

  // History. CPU time and time spent runnable but waiting since the task began, ns
  // (p->se.sum_exec_runtime, sched_info.run_delay); number of wake-ups; pid of the last
  // waker, 0 when a timer or interrupt woke it.
  OSV_INLINE u64 run_total() const { return osv_task_run_total(p); }
  OSV_INLINE u64 wait_total() const { return osv_task_wait_total(p); }
  OSV_INLINE u64 nr_wakeups() const { return osv_task_nr_wakeups(p); }
  OSV_INLINE s32 waker() const { return osv_task_waker(p); }

  // Hands the task to a queue, with a new slice (0: what is left of the old one, at least 1 ns).
  // In enqueue(): exactly once. In select_cpu(): at most once, and
  // enqueue() is then skipped; kDsqLocal is the queue of the CPU that select_cpu() returns. In
  // any other hook, or for another task than the hook's, or twice: ejects the policy.
  // sched_ext: scx_bpf_dsq_insert[_vtime] (6.12: scx_bpf_dispatch[_vtime]).
  OSV_INLINE void insert(DsqId dsq, u64 slice_ns, u64 flags = 0) const { osv_dsq_insert(p, dsq, slice_ns, flags); }
  OSV_INLINE void insert_vtime(DsqId dsq, u64 slice_ns, u64 vt, u64 flags = 0) const {
    osv_dsq_insert_vtime(p, dsq, slice_ns, vt, flags);
  }

  // Claims an idle CPU that the task may use; -16 (EBUSY) when none.
  // sched_ext: scx_bpf_pick_idle_cpu.
  OSV_INLINE s32 pick_idle(u64 flags = 0) const { return osv_pick_idle(p, flags); }
  // The same within a domain (kSameCore, kSameLlc, kSameNode) around the CPU `near`.
  OSV_INLINE s32 pick_idle_in(s32 near, u32 domain, u64 flags = 0) const { return osv_pick_idle_in(p, near, domain, flags); }
  // The kernel's default choice: prev if idle, else an idle CPU by LLC, else prev. `idle`
  // tells whether the CPU was idle (and is claimed). sched_ext: scx_bpf_select_cpu_dfl.
  OSV_INLINE s32 select_dfl(s32 prev, u64 wake_flags, bool& idle) const {
    bool found = false;
    s32 cpu = osv_select_dfl(p, prev, wake_flags, &found);
    idle = found;
    return cpu;
  }
};

OSV_INLINE constexpr u32 comm_hash(const char* s) {
  u32 h = 2166136261u;
  for (; *s; ++s) h = (h ^ static_cast<u8>(*s)) * 16777619u;
  return h;
}

struct NoState {};

// Base of a policy. Declare `struct P : Policy<TaskState, CpuState>` and any of the hooks
// below as members; all but enqueue and dispatch have sched_ext's default when left out, and
// those two as well (kDsqGlobal). Hook signatures, in the order of a task's life:
//
//   s32  init()                             once, before any task; 0 or a negative errno. [init]
//   void exit()                             once, after the last hook.
//   s32  init_task(Task t)                  a task appears (or exists at load); set up TaskState.
//   void enable(Task t)                     it comes under this policy; set its vtime here.
//   s32  select_cpu(Task t, s32 prev, u64 wake_flags)
//                                           wake-up, on the waker's CPU; returns the CPU to wake
//                                           it on. Skipped for tasks pinned to one CPU.
//                                           Default: select_dfl, and straight into the local
//                                           queue when that CPU was idle.
//   void runnable(Task t, u64 enq_flags)    it became runnable (before enqueue).
//   void enqueue(Task t, u64 enq_flags)     it needs a queue. On the waker's CPU, or on its own
//                                           after its slice ended.
//   void dequeue(Task t, u64 deq_flags)     it leaves its queue unrun (dies, changes affinity).
//   void dispatch(s32 cpu)                  `cpu` ran out of work: its local and the global queue
//                                           are empty. Called BEFORE the task whose slice ended
//                                           is enqueued again; if nothing is found that task
//                                           runs on with a fresh default slice.
//   void running(Task t)                    it starts on a CPU.
//   void tick(Task t)                       timer tick while it runs; set_slice(0) ends its turn.
//   bool yield(Task t)                      it called sched_yield; return value is ignored as in
//                                           sched_ext for yields to nobody. Default: slice 0.
//   void stopping(Task t, bool runnable)    it leaves the CPU; runnable: it still wants it.
//   void quiescent(Task t, u64 deq_flags)   it sleeps now.
//   void disable(Task t), exit_task(Task t) it leaves this policy; it is gone.
//   void set_weight(Task t, u32 weight)     its nice value changed.
//   void set_cpumask(Task t)                its affinity changed.
//   void update_idle(s32 cpu, bool idle)    a CPU goes idle or wakes up. Observed only: the
//                                           built-in idle tracking stays on (SCX_OPS_KEEP_BUILTIN_IDLE).
//   void cpu_online(s32 cpu), cpu_offline(s32 cpu)
//   void timer()                            the timer armed by timer_start fired.
//
// ghOSt: TASK_NEW = init_task + enable + runnable, TASK_WAKEUP = runnable + enqueue,
// TASK_PREEMPT = stopping(true) + enqueue, TASK_YIELD = yield, TASK_BLOCKED = stopping(false)
// + quiescent, TASK_DEAD = exit_task, CPU_TICK = tick.
template <class TaskS = NoState, class CpuS = NoState> struct Policy {
  using TaskState = TaskS;
  using CpuState = CpuS;
  using Task = TaskRef<TaskS>;
  // Storage of a CPU; an index out of range reads CPU 0.
  OSV_INLINE static CpuS& cpu_state(s32 cpu) { return *static_cast<CpuS*>(osv_cpu_state(cpu)); }
  OSV_INLINE static CpuS& this_cpu_state() { return cpu_state(osv_this_cpu()); }
};

// ---------------------------------------------------------------------------------------
// From here on: how a policy class becomes C entry points. Not for policies to use.

template <class P> struct OsvHooks {
  using S = typename P::TaskState;
  using C = typename P::CpuState;
  using R = TaskRef<S>;
  static_assert(sizeof(S) <= kMaxTaskState, "TaskState is larger than kMaxTaskState bytes");
  static_assert(sizeof(C) <= kMaxCpuState, "CpuState is larger than kMaxCpuState bytes");
  static_assert(sizeof(P) <= kMaxSelf, "the policy object is larger than kMaxSelf bytes");
  static_assert(alignof(S) <= 8 && alignof(C) <= 8 && alignof(P) <= 8, "state is 8-byte aligned");
  static_assert(__is_trivially_copyable(S) && __is_trivially_copyable(C) && __is_trivially_copyable(P),
                "state lives in zeroed storage: plain structs only");
  static_assert(__is_trivially_constructible(S) && __is_trivially_constructible(C) && __is_trivially_constructible(P),
                "state lives in zeroed storage: no constructors or default member initialisers; use init()");

  OSV_INLINE static P& self() { return *static_cast<P*>(osv_self()); }
  OSV_INLINE static R ref(osv_task* t) { return {t, static_cast<S*>(osv_task_state(t))}; }
};

// X(return type, hook, C parameters, C++ arguments). A hook that the policy class lacks has
// sched_ext's default; `t` is made from the C task pointer `p`.
#define OSV_HOOKS(X)                                                          \
  X(s32, init, (), ())                                                        \
  X(void, exit, (), ())                                                       \
  X(s32, init_task, (osv_task * p), (H::ref(p)))                              \
  X(void, exit_task, (osv_task * p), (H::ref(p)))                             \
  X(void, enable, (osv_task * p), (H::ref(p)))                                \
  X(void, disable, (osv_task * p), (H::ref(p)))                               \
  X(s32, select_cpu, (osv_task * p, s32 cpu, u64 flags), (H::ref(p), cpu, flags)) \
  X(void, enqueue, (osv_task * p, u64 flags), (H::ref(p), flags))             \
  X(void, dequeue, (osv_task * p, u64 flags), (H::ref(p), flags))             \
  X(void, dispatch, (s32 cpu), (cpu))                                         \
  X(void, runnable, (osv_task * p, u64 flags), (H::ref(p), flags))            \
  X(void, running, (osv_task * p), (H::ref(p)))                               \
  X(void, stopping, (osv_task * p, bool still_runnable), (H::ref(p), still_runnable)) \
  X(void, quiescent, (osv_task * p, u64 flags), (H::ref(p), flags))           \
  X(void, tick, (osv_task * p), (H::ref(p)))                                  \
  X(bool, yield, (osv_task * p), (H::ref(p)))                                 \
  X(void, set_weight, (osv_task * p, u32 weight), (H::ref(p), weight))        \
  X(void, set_cpumask, (osv_task * p), (H::ref(p)))                           \
  X(void, update_idle, (s32 cpu, bool idle), (cpu, idle))                     \
  X(void, cpu_online, (s32 cpu), (cpu))                                       \
  X(void, cpu_offline, (s32 cpu), (cpu))                                      \
  X(void, timer, (), ())

#ifndef __bpf__
// What a policy .so exports, through the one symbol `osv_policy`.
struct OsvTunable {
  const char* name;
  volatile s64* value;
  s64 default_value, min, max;
};
struct OsvPolicy {
  u32 abi;
  u32 task_state_bytes, cpu_state_bytes, self_bytes;
  const char* name;
  const OsvTunable* tunables_begin;
  const OsvTunable* tunables_end;
  void (*bind)(const OsvHost*);
#define OSV_FIELD(ret, hook, params, args) ret(*hook) params;
  OSV_HOOKS(OSV_FIELD)  // a null hook means the default
#undef OSV_FIELD
};

extern "C" const OsvTunable __start_osv_tunables __attribute__((weak, visibility("hidden")));
extern "C" const OsvTunable __stop_osv_tunables __attribute__((weak, visibility("hidden")));

template <class P> constexpr OsvPolicy MakePolicy(const char* name) {
  using H = OsvHooks<P>;
  OsvPolicy o{};
  o.abi = kAbiVersion;
  o.task_state_bytes = sizeof(typename P::TaskState);
  o.cpu_state_bytes = sizeof(typename P::CpuState);
  o.self_bytes = sizeof(P);
  o.name = name;
  o.bind = [](const OsvHost* host) { osv_host = host; };
  // requires { &P::hook } finds the hook by name, so that one with a wrong signature is a
  // compile error that names it, never a silently ignored member.
#define OSV_SET(ret, hook, params, args)   \
  if constexpr (requires { &P::hook; }) \
    o.hook = [] params -> ret { return static_cast<ret>(H::self().hook args); };
  OSV_HOOKS(OSV_SET)
#undef OSV_SET
  return o;
}
#endif

}  // namespace osevolve

// TUNABLE(name, default, min, max): an s64 parameter, read like a variable. Natively and in
// BPF it can be set without recompiling; the compiler never folds it. Read-only for the policy.
#ifdef __bpf__
#define TUNABLE(name, def, lo, hi)                                                              \
  static_assert((lo) <= (def) && (def) <= (hi), "TUNABLE " #name ": default outside [min, max]"); \
  extern "C" { extern const volatile osevolve::s64 osv_tun_##name;                              \
  [[gnu::used, gnu::section(".rodata")]] const volatile osevolve::s64 osv_tun_##name = def; }   \
  static const volatile osevolve::s64& name = osv_tun_##name;
#else
#define TUNABLE(name, def, lo, hi)                                                              \
  static_assert((lo) <= (def) && (def) <= (hi), "TUNABLE " #name ": default outside [min, max]"); \
  static volatile osevolve::s64 osv_tun_##name = def;                                           \
  static const volatile osevolve::s64& name = osv_tun_##name;                                   \
  [[gnu::used, gnu::section("osv_tunables")]] static constinit const osevolve::OsvTunable       \
      osv_tuninfo_##name = {#name, &osv_tun_##name, def, lo, hi};
#endif

// Once, at the end of the file: makes the class P the policy called `name`.
#ifdef __bpf__
// The C glue's struct_ops functions call osv_hook_*; one whose hook the policy lacks is a no-op
// there. osv_hooks_present has a bit for each hook that it has, in the order of OSV_HOOKS, so that the
// loader leaves out the operations of the others; osv_policy_name is the policy's name.
#define OSV_BPF_HOOK(ret, hook, params, args)                                                   \
  template <class P> OSV_INLINE ret OsvCall_##hook params {                                     \
    using H = OsvHooks<P>;                                                                      \
    if constexpr (requires { &P::hook; }) return static_cast<ret>(H::self().hook args);         \
    else return static_cast<ret>(0);                                                            \
  }
namespace osevolve {
OSV_HOOKS(OSV_BPF_HOOK)
#define OSV_HOOK_BIT(ret, hook, params, args) mask |= (requires { &P::hook; } ? 1u : 0u) << bit++;
template <class P> constexpr u32 HooksPresent() {
  u32 mask = 0, bit = 0;
  OSV_HOOKS(OSV_HOOK_BIT)
  return mask;
}
#undef OSV_HOOK_BIT
}
#undef OSV_BPF_HOOK
#define OSEVOLVE_POLICY(P, policy_name)                                                         \
  using namespace osevolve;                                                                     \
  extern "C" { extern const u32 osv_hooks_present; extern const char osv_policy_name[sizeof(policy_name)]; \
  [[gnu::used, gnu::section(".rodata")]] const u32 osv_hooks_present = HooksPresent<P>();       \
  [[gnu::used, gnu::section(".rodata")]] const char osv_policy_name[sizeof(policy_name)] = policy_name; } \
  OSV_HOOK s32 osv_hook_init() { return OsvCall_init<P>(); }                                    \
  OSV_HOOK void osv_hook_exit() { OsvCall_exit<P>(); }                                          \
  OSV_HOOK s32 osv_hook_init_task(osv_task* p) { return OsvCall_init_task<P>(p); }              \
  OSV_HOOK void osv_hook_exit_task(osv_task* p) { OsvCall_exit_task<P>(p); }                    \
  OSV_HOOK void osv_hook_enable(osv_task* p) { OsvCall_enable<P>(p); }                          \
  OSV_HOOK void osv_hook_disable(osv_task* p) { OsvCall_disable<P>(p); }                        \
  OSV_HOOK s32 osv_hook_select_cpu(osv_task* p, s32 cpu, u64 f) { return OsvCall_select_cpu<P>(p, cpu, f); } \
  OSV_HOOK void osv_hook_enqueue(osv_task* p, u64 f) { OsvCall_enqueue<P>(p, f); }              \
  OSV_HOOK void osv_hook_dequeue(osv_task* p, u64 f) { OsvCall_dequeue<P>(p, f); }              \
  OSV_HOOK void osv_hook_dispatch(s32 cpu) { OsvCall_dispatch<P>(cpu); }                        \
  OSV_HOOK void osv_hook_runnable(osv_task* p, u64 f) { OsvCall_runnable<P>(p, f); }            \
  OSV_HOOK void osv_hook_running(osv_task* p) { OsvCall_running<P>(p); }                        \
  OSV_HOOK void osv_hook_stopping(osv_task* p, bool r) { OsvCall_stopping<P>(p, r); }           \
  OSV_HOOK void osv_hook_quiescent(osv_task* p, u64 f) { OsvCall_quiescent<P>(p, f); }          \
  OSV_HOOK void osv_hook_tick(osv_task* p) { OsvCall_tick<P>(p); }                              \
  OSV_HOOK bool osv_hook_yield(osv_task* p) { return OsvCall_yield<P>(p); }                     \
  OSV_HOOK void osv_hook_set_weight(osv_task* p, u32 w) { OsvCall_set_weight<P>(p, w); }        \
  OSV_HOOK void osv_hook_set_cpumask(osv_task* p) { OsvCall_set_cpumask<P>(p); }                \
  OSV_HOOK void osv_hook_update_idle(s32 cpu, bool idle) { OsvCall_update_idle<P>(cpu, idle); } \
  OSV_HOOK void osv_hook_cpu_online(s32 cpu) { OsvCall_cpu_online<P>(cpu); }                    \
  OSV_HOOK void osv_hook_cpu_offline(s32 cpu) { OsvCall_cpu_offline<P>(cpu); }                  \
  OSV_HOOK void osv_hook_timer() { OsvCall_timer<P>(); }
#else
#define OSEVOLVE_POLICY(P, policy_name)                                                         \
  extern "C" __attribute__((visibility("default"))) const osevolve::OsvPolicy* osv_policy();    \
  extern "C" const osevolve::OsvPolicy* osv_policy() {                                          \
    static constinit osevolve::OsvPolicy policy = osevolve::MakePolicy<P>(policy_name);         \
    policy.tunables_begin = &osevolve::__start_osv_tunables;                                    \
    policy.tunables_end = &osevolve::__stop_osv_tunables;                                       \
    return &policy;                                                                             \
  }
#endif

#endif  // OSEVOLVE_POLICY_H_
