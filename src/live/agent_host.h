// AgentHost: the scheduling half of the user-space agent. It keeps a shadow of the kernel's tasks, CPUs and queues from
// the shim's events (bpf/agent_abi.h), calls the policy's hooks in the order in which the kernel would, implements the
// services of policy.h on the shadow, and sends what follows as decisions.
//
// WHERE IT DIFFERS from a policy inside the kernel, since an event takes its time:
//   select_cpu   is called with the enqueue event, followed by runnable and enqueue; the waker has gone on.
//   dispatch     is called when a CPU has run dry, when its task's slice is over (or will be with the next tick: then
//                ahead), or when the policy kicks it. What is moved to a local queue is sent at once.
//   a task whose slice is over runs on for a moment until the answer is there; one that yields waits for it.
//   the agent's own threads and kernel threads of one CPU are not seen at all.
// An event may be missing (a full ring) or an agent may start in the middle: every event says what is, and the hooks
// in between are called then, so that a policy always sees a possible order.
//
// One host per thread. Nothing is allocated after Start(), but by policies themselves. Errors of the policy (rules as in
// the simulator) end in failed().
#ifndef OSEVOLVE_LIVE_AGENT_HOST_H_
#define OSEVOLVE_LIVE_AGENT_HOST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "live/agent_task.h"
#include "native/dsq_table.h"
#include "native/idle_cpus.h"

namespace ose {

// The way to the kernel.
class AgentLink {
 public:
  virtual ~AgentLink() = default;
  virtual Nanos Now() = 0;
  // False when there is no room now. `cpu` reads it soon.
  virtual bool Send(const agent_decision& decision) = 0;
  // The task's slot in the shim's table, consistent in itself; of no task when `task` is 0.
  virtual agent_task Look(int slot) = 0;
  // Whether slots [64 * word, 64 * word + 64) have tasks, as bits.
  virtual uint64_t Used(int word) = 0;
};

class AgentHost {
 public:
  // `ops` and `link` outlive it; `slots`: size of the shim's table, a power of two.
  AgentHost(const osevolve::OsvPolicy& ops, AgentMachine machine, int slots, AgentLink& link, uint64_t seed);
  ~AgentHost();
  AgentHost(const AgentHost&) = delete;
  AgentHost& operator=(const AgentHost&) = delete;

  // Calls init().
  Status Start();
  // Brings the shadow to what the shim's table says: at the start, and after events were lost. Idempotent.
  void Resync();
  // One event, in the order of the ring. Those that the table included at the last Resync are skipped; when they have
  // waited for too long, the table is read instead.
  void Handle(const agent_event& event);
  // Calls timer() if it is due.
  void RunTimer();
  // Sends what found no room before.
  void Flush();
  // Calls exit().
  void Exit();

  Nanos timer_at() const { return timer_at_; }  // Max(): not armed
  bool failed() const { return !diagnosis_.empty(); }
  const std::string& diagnosis() const { return diagnosis_; }
  const uint64_t* counters() const { return counters_; }
  uint64_t deferred() const { return deferred_; }
  // Tasks that wait in the kernel for a decision but are in no queue here. 0, or tasks would be lost to the policy.
  int CountUnplaced();

  // --- Services, through native/services.h, during a hook only. ------------------------------------------
  Nanos now() { return link_.Now(); }
  const AgentMachine& machine() const { return machine_; }
  int this_cpu() const { return ctx_cpu_; }
  uint32_t Random() { return static_cast<uint32_t>(rng_() >> 32); }
  int Clamp(int cpu) const { return cpu >= 0 && cpu < machine_.cpus ? cpu : 0; }
  int Tgid(const Task* t) const { return t->tgid; }
  int RunningPid(int cpu) const;
  bool IsIdle(int cpu) const { return cpu >= 0 && cpu < machine_.cpus && idle_.Has(cpu); }
  int DsqCreate(uint64_t id);
  void DsqInsert(Task* t, uint64_t dsq, uint64_t slice, uint64_t vtime, bool use_vtime, uint64_t flags);
  bool DsqMoveToLocal(uint64_t id);
  void KeepRunning(uint64_t slice);
  const Dsq* PeekDsq(uint64_t id);
  int PickIdle(const Task* t, int near, uint32_t domain, uint64_t flags) { return idle_.Pick(t, Clamp(near), domain, flags); }
  bool ClaimIdle(int cpu) { return IsIdle(cpu) && idle_.Claim(cpu); }
  int SelectDefault(const Task* t, int prev, uint64_t, bool* idle) { return idle_.SelectDefault(t, Clamp(prev), idle); }
  void Kick(int cpu, uint64_t flags);
  void TimerStart(uint64_t delay);
  void Count(uint32_t id, uint64_t n) {
    if (id < osevolve::kMaxCounters) counters_[id] += n;
  }
  uint64_t SliceOf(const Task* t) const { return t->slice; }
  void SetSlice(Task* t, uint64_t slice);
  Nanos RunTotal(const Task* t) const { return t->run_total; }
  Nanos WaitTotal(const Task* t) const { return t->wait_total; }
  void* CpuState(int cpu) { return cpu_state_.data() + static_cast<size_t>(Clamp(cpu)) * cpu_stride_; }
  void* Self() { return self_.data(); }

 private:
  enum class Hook : uint8_t { kNone, kInit, kSelectCpu, kEnqueue, kDispatch, kOther };
  // Why a CPU is asked for work; a later one includes what the earlier ones do.
  enum class Ask : uint8_t { kNo, kVacant, kIdle, kTurnEnds, kYielded, kTurnOver };
  struct Cpu {
    int id = 0;
    Task* curr = nullptr;
    bool idle = false;  // update_idle(true) was the last word
    Ask ask = Ask::kNo;
    Dsq local;
  };

  Cpu& cpu(int c) { return cpus_[static_cast<size_t>(Clamp(c))]; }
  template <class F>
  void Call(Hook hook, int cpu, Task* task, F&& f);
  void Adopt(Task& t, const agent_task& view);
  void Refresh(Task& t, const agent_task& view);
  void Drop(Task& t);
  void Sync(int slot);
  void Match(Task& t, const agent_task& view);
  void OnEnqueue(Task& t, const agent_event& e);
  void Wake(Task& t, uint64_t flags, int here, uint32_t wake);
  void OnRunning(Task& t, int on);
  void OnStopping(Task& t, bool runnable);
  void OnQuiescent(Task& t, uint64_t flags);
  void OnTurnOver(Task& t, int on, bool yielded);
  void BecomeRunnable(Task& t, uint64_t flags, int here);
  void Enqueue(Task& t, uint64_t flags, int here);
  void FinishInsert(Task& t);
  void Place(Task& t, Cpu& c, uint64_t slice, uint64_t flags);
  void Send(Task& t);
  void SendSlice(const Task& t);
  void LeaveQueue(Task& t);
  void AskFor(Cpu& c, Ask ask);
  void Settle();
  bool Dispatch(Cpu& c, Ask ask);
  void AskedInVain(Cpu& c, Ask ask);
  void SetIdle(Cpu& c, bool idle);
  Dsq* FindDsq(uint64_t id, const char* what);
  void BreakRule(const Task* t, const std::string& what);

  const osevolve::OsvPolicy& ops_;
  const AgentMachine machine_;
  AgentLink& link_;
  Rng rng_;
  std::vector<Task> tasks_;  // by slot: pid & (slots - 1)
  std::vector<Cpu> cpus_;
  IdleCpus<AgentMachine> idle_;
  Dsq global_;
  DsqTable<Dsq> queues_;

  // The hook that runs, and what it may do.
  Hook hook_ = Hook::kNone;
  int ctx_cpu_ = 0;
  Task* hook_task_ = nullptr;
  bool inserted_ = false;
  struct {
    uint64_t dsq, slice, vtime, flags;
    bool use_vtime;
  } insert_{};
  uint64_t place_flags_ = 0;  // dispatch: of the next task that is moved
  uint64_t keep_slice_ = 0;
  int moved_ = 0;

  std::vector<unsigned char> task_state_, cpu_state_, self_;
  size_t task_stride_, cpu_stride_;
  uint64_t counters_[osevolve::kMaxCounters] = {};
  Nanos timer_at_ = Nanos::Max();
  Nanos cause_{0};      // time of the event that is handled
  Nanos synced_at_{0};  // events of CPUs from before are in the table
  uint64_t deferred_ = 0;
  int unsent_ = 0, asking_ = 0;
  std::string diagnosis_;
};

}  // namespace ose

#endif  // OSEVOLVE_LIVE_AGENT_HOST_H_
