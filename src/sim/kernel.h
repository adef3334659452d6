// Kernel: the scheduling half of the simulated machine. CPUs, dispatch queues, idle tracking,
// ticks and slices; it calls the policy's hooks in the order in which Linux calls sched_ext's
// (kernel/sched/ext.c, 6.12) and implements the services of policy.h.
//
// THE LIFE OF A TURN, as in the kernel:
//   wake-up    Wake(): [select_cpu] -> runnable -> enqueue unless select_cpu inserted; an idle
//              target CPU is told to reschedule (inter-processor interrupt + idle exit).
//   schedule   Schedule(), after balance_one() and pick_task_scx(): a previous task with slice
//              left stays; else the local queue; else the global queue; else dispatch() up to
//              32 times; else the previous task stays with a fresh default slice. Only when
//              another task was found does the previous one get stopping(runnable) and
//              enqueue(): dispatch comes BEFORE the enqueue of the task that is preempted.
//   tick       update_curr, tick(), reschedule if the slice is used up.
//   sleep      stopping(not runnable), quiescent, schedule.
//
// TIME AND COST. A CPU's clock of useful work is `acct`: up to there its time is accounted.
// Costs (hooks, queue operations, wake-ups, switches) push `acct` into the future; the running
// task makes no progress until then. What is pushed is counted as overhead, so useful + overhead
// + idle = CPUs x time. Useful time is CPU time as the kernel counts it; a hardware thread whose
// sibling is busy makes less progress in it.
//
// Not thread-safe; one Kernel at a time per thread (the services of the C ABI carry no context
// argument, as kfuncs carry none, so the running Kernel is found through a thread-local).
#ifndef OSEVOLVE_SIM_KERNEL_H_
#define OSEVOLVE_SIM_KERNEL_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "core/candidate.h"
#include "sim/event_queue.h"
#include "native/dsq_table.h"
#include "native/idle_cpus.h"
#include "native/native_policy.h"
#include "sim/noise_source.h"
#include "sim/private_cache.h"
#include "sim/schedule_observer.h"
#include "sim/task.h"
#include "workload/machine.h"

namespace ose {

// What a task does next, when its current CPU burst is used up.
enum class Step { kRun, kBlock, kYield, kExit };

// The workload half, as the kernel sees it.
class KernelClient {
 public:
  virtual ~KernelClient() = default;
  // The task, running on `cpu`, has no CPU work left: executes its next operations (which may
  // call Kernel::Wake) up to one that takes time. kRun: task.remaining > 0 was set, or a system call
  // was charged.
  virtual Step Advance(Task& task, int cpu) = 0;
  // First time on a CPU after a wake-up.
  virtual void OnWakeupServed(Task& task, Nanos latency) = 0;
};

enum class Hook : uint8_t { kNone, kInit, kSelectCpu, kEnqueue, kDispatch, kOther };

// Where a CPU's time went. Together they are all of it, to the nanosecond.
struct CpuTotals {
  Nanos useful{0}, overhead{0}, idle{0};
  Nanos slowed{0};  // of useful: progress that the sibling cost
};

class Kernel {
 public:
  // Event sources used: [0, cpus) for CPUs, `timer_source` for the policy's timer.
  Kernel(const Machine& machine, const NativePolicy& policy, EventQueue& events, KernelClient& client,
         int tasks, int timer_source, uint64_t seed);
  ~Kernel();
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  // The bit mask over CPUs for an affinity list (empty = all); owned by the kernel.
  const uint64_t* MakeMask(const std::vector<int>& cpus);
  // Calls init(); then each task's init_task() and enable(). While loading they cost nothing; for a
  // fork the CPU that forks pays.
  void Init();
  void AddTask(Task& task, bool loading);
  // exit() and what must hold at the end (checked mode).
  void Exit();

  void SetTime(Nanos now) { now_ = now; }
  Nanos now() const { return now_; }

  // Makes a sleeping or new task runnable. `context_cpu` executes the wake-up: the waker's, or
  // -1 for an interrupt, which is taken where the task last ran. `wake_flags` are those of select_cpu().
  void Wake(Task& task, int context_cpu, int waker_pid, uint64_t wake_flags);

  // The task that runs on `cpu` makes a system call that takes so long. For Advance().
  void ChargeSystemCall(int cpu, Nanos cost);

  // True: the same CPU's next event is due at this instant and comes before all others, so the caller may go on with
  // it without asking the queue.
  bool OnCpuEvent(int cpu);
  void OnPolicyTimer();

  // Starvation: a runnable task that has waited longer than `patience` ejects the policy.
  void CheckWatchdog(const std::vector<Task>& tasks, Nanos patience);
  // Checked mode: every runnable task is in exactly one queue, every running one on one CPU.
  // O(tasks + queues); a violation is a bug of the simulator, not of the policy.
  void CheckInvariants(const std::vector<Task>& tasks);
  bool anyone_waits() const { return nr_waiting_ > 0; }
  // No event is pending although tasks are runnable.
  void EjectStalled(const std::vector<Task>& tasks);

  bool failed() const { return outcome_ != Outcome::kOk; }
  Outcome outcome() const { return outcome_; }
  const std::string& diagnosis() const { return diagnosis_; }
  void Fail(Outcome outcome, std::string diagnosis);

  // Settles accounts up to now. Then, per CPU, useful + overhead + idle = now.
  void Settle();
  const CpuTotals& totals(int cpu) const { return cpus_[static_cast<size_t>(cpu)].totals; }
  uint64_t switches() const { return switches_; }
  uint64_t migrations() const { return migrations_; }
  uint64_t preemptions() const { return preemptions_; }
  Nanos idle_while_waiting() const { return idle_while_waiting_; }
  Nanos max_wait() const { return max_wait_; }  // of the waits that have ended
  const uint64_t* counters() const { return counters_; }
  const Machine& machine() const { return machine_; }

  // Told of what happens from now on; null: nobody is. Not owned.
  void set_observer(ScheduleObserver* observer) { observer_ = observer; }

  // Names a task in a message: "fast[3] (pid 4)". Set by the client.
  std::vector<std::string> group_names;

  // --- Services (policy.h); called through native/services.h during a hook only. ----------
  void Charge(Service s) { cost_ += service_cost_[static_cast<size_t>(s)]; }
  // ... for something of `cpu`, which may be another one.
  void ChargeFor(Service s, int cpu);
  int this_cpu() const { return ctx_cpu_; }
  uint32_t Random() { return static_cast<uint32_t>(rng_() >> 32); }
  int Clamp(int cpu) const { return cpu >= 0 && cpu < machine_.cpus ? cpu : 0; }
  int RunningPid(int cpu) const;
  bool IsIdle(int cpu) const;
  int DsqCreate(uint64_t id);
  void DsqInsert(Task* t, uint64_t dsq, uint64_t slice, uint64_t vtime, bool use_vtime, uint64_t flags);
  bool DsqMoveToLocal(uint64_t id);
  void KeepRunning(uint64_t slice);
  const Dsq* PeekDsq(uint64_t id);
  int PickIdle(const Task* t, int near, uint32_t domain, uint64_t flags);
  bool ClaimIdle(int cpu);
  int SelectDefault(const Task* t, int prev, uint64_t wake_flags, bool* idle);
  void Kick(int cpu, uint64_t flags);
  void TimerStart(uint64_t delay);
  void Count(uint32_t id, uint64_t n) {
    if (id < osevolve::kMaxCounters) counters_[id] += n;
  }
  uint64_t SliceOf(const Task* t);
  void SetSlice(Task* t, uint64_t slice);
  int Tgid(const Task* t) const { return t->group + 1; }
  Nanos RunTotal(const Task* t);
  Nanos WaitTotal(const Task* t) const;
  void* CpuState(int cpu) { return cpu_state_.data() + static_cast<size_t>(Clamp(cpu)) * cpu_state_stride_; }
  void* Self() { return self_.data(); }

 private:
  struct Cpu {
    int id = 0;
    int cut_by = -1;                 // the CPU that preempted curr
    Task* curr = nullptr;
    bool idle = false;               // runs the idle task (claimed or not)
    TurnEnd turn_end = TurnEnd::kSliceUsedUp;  // why, should the turn end with the next schedule
    Dsq local;
    Nanos acct{0};                   // time is accounted up to here
    Nanos started{0};                // of the current turn
    Nanos resched_at = Nanos::Max(); // a pending reschedule
    bool in_call = false;            // curr makes a system call
    bool interrupted = false;        // another CPU asked for it while this one was busy
    Nanos next_tick{0};              // strictly after the last one
    BusyLock rq_lock;
    bool slowed = false;             // its SMT sibling is busy and slows it down
    CpuTotals totals;
  };

  Cpu& cpu(int c) { return cpus_[static_cast<size_t>(c)]; }
  // Inline ones: kernel_inline.h.
  void UpdateCurr(Cpu& c);
  // The model's parts that may be off (kernel_costs.cc).
  void UpdateCurrSlowly(Cpu& c);
  void Progress(Cpu& c, Nanos to);
  Nanos BurstEnd(const Cpu& c) const;
  void LockRq(int id, int context_cpu, bool ahead = false) {
    if (machine_.rq_lock_hold.v > 0) [[unlikely]] Spin(cpu(id).rq_lock, machine_.rq_lock_hold, context_cpu, ahead);
  }
  void LockDsq(Dsq& q, int context_cpu, bool ahead = false) {
    if (machine_.dsq_lock_hold.v > 0) [[unlikely]] Spin(q.lock, machine_.dsq_lock_hold, context_cpu, ahead);
  }
  void Spin(BusyLock& lock, Nanos hold, int context_cpu, bool ahead);
  void SlowSibling(int cpu, bool busy);
  Nanos ArrivalCost(const Task& t, int cpu);
  void Pay(int cpu, Nanos cost);     // overhead on a CPU, from now
  void ChargeOverhead(Task& t, Nanos cost);
  void FlushCost(int cpu);           // pays what hooks and services have run up
  void Rearm(Cpu& c);
  Nanos SliceEnd(const Cpu& c) const;
  void Tick(Cpu& c);
  void Interrupt(Cpu& c);
  [[gnu::always_inline]] void RunOps(Cpu& c);
  [[gnu::always_inline]] void Schedule(Cpu& c);
  bool Balance(Cpu& c, Task* prev);  // true: prev stays
  void Enqueue(Task& t, uint64_t flags, int context_cpu);
  void FinishInsert(Task& t, int context_cpu);
  void Insert(Task* t, Dsq& q, uint64_t slice, uint64_t vtime, bool use_vtime, uint64_t flags);
  void MoveToLocal(Dsq& from, Task* t, Cpu& to);
  void StopCurr(Cpu& c, bool runnable);
  void Preempt(Cpu& c);              // takes the slice of what runs there
  void StartNext(Cpu& c, Task* next, Task* prev);
  void GoIdle(Cpu& c);
  void Resched(int target, int context_cpu);
  void WakeCpu(Cpu& c, int context_cpu);  // an idle one
  void SetIdle(int cpu, bool idle);
  Dsq* FindDsq(uint64_t id, const char* what);
  void NoteWaiting(int delta);
  std::string Name(const Task* t) const;
  void BreakRule(const Task* t, const std::string& what);
  template <class F>
  void CallHook(Hook hook, int cpu, Task* task, F&& f);

  void BindServices();

  const Machine machine_;
  std::array<Nanos, kServices> service_cost_;
  const int64_t smt_permille_;  // speed of a slowed CPU; 1000: siblings do not disturb each other
  const bool plain_progress_;   // an undisturbed CPU's time is its task's progress
  const bool every_tick_;       // each tick is an event: the policy or the machine does something then
  const osevolve::OsvPolicy& ops_;
  EventQueue& events_;
  KernelClient& client_;
  ScheduleObserver* observer_ = nullptr;
  const int timer_source_;
  Rng rng_;
  Nanos now_{0};

  std::vector<Cpu> cpus_;
  std::vector<NoiseSource> noise_;  // of the CPUs; empty when there is none
  std::vector<PrivateCache> caches_;  // of the cores; empty when tasks do not compete for them
  IdleCpus<Machine> idle_cpus_;
  std::vector<std::unique_ptr<uint64_t[]>> masks_;
  Dsq global_;
  DsqTable<Dsq> user_dsqs_;

  // The hook that is running and what it may do.
  Hook hook_ = Hook::kNone;
  int ctx_cpu_ = 0;
  Task* hook_task_ = nullptr;
  bool inserted_ = false;          // enqueue/select_cpu: hook_task_ has been handed to a queue
  struct DirectDispatch {
    uint64_t dsq, slice, vtime, flags;
    bool use_vtime;
  };
  DirectDispatch ddsp_{};          // what it asked for
  Task* dispatch_prev_ = nullptr;
  int nr_dispatched_ = 0;
  Nanos cost_{0};

  std::vector<unsigned char> task_state_, cpu_state_, self_;
  size_t task_state_stride_, cpu_state_stride_;
  uint64_t counters_[osevolve::kMaxCounters] = {};

  bool started_ = false;  // init() is over
  Outcome outcome_ = Outcome::kOk;
  std::string diagnosis_;
  uint64_t switches_ = 0, migrations_ = 0, preemptions_ = 0;
  int nr_waiting_ = 0, nr_idle_ = 0;
  Nanos waiting_since_{0}, idle_while_waiting_{0}, max_wait_{0};
};

}  // namespace ose

#endif  // OSEVOLVE_SIM_KERNEL_H_
