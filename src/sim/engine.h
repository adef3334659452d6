// Engine: the workload half of a simulation. It executes the programs of the tasks on the
// Kernel, owns locks, semaphores, barriers, queues and arrivals, measures events, and drives
// the clock.
//
// What happens when, at one instant: events are taken in the order of EventQueue; an interrupt
// (timer, arrival) is handled by the CPU where the woken task last ran.
#ifndef OSEVOLVE_SIM_ENGINE_H_
#define OSEVOLVE_SIM_ENGINE_H_

#include <memory>
#include <vector>

#include "sim/event_queue.h"
#include "sim/kernel.h"
#include "sim/ring.h"
#include "sim/simulate.h"
#include "workload/draw.h"
#include "workload/samples.h"

namespace ose {

class Engine : public KernelClient {
 public:
  Engine(const Workload& workload, const Machine& machine, const NativePolicy& policy, uint64_t seed,
         const SimOptions& options);
  SimResult Run();

  Step Advance(Task& task, int cpu) override;
  void OnWakeupServed(Task& task, Nanos latency) override;

 private:
  // Tasks that wait for the same thing, first come first served, linked by next_waiter.
  struct WaitQueue {
    Task *head = nullptr, *tail = nullptr;
    bool empty() const { return !head; }
    void Push(Task& t);
    Task* Pop();
  };
  struct Lock { Task* owner = nullptr; WaitQueue waiters; };
  struct Semaphore { int64_t value = 0; WaitQueue waiters; };
  struct BarrierState { int arrived = 0; WaitQueue waiters; };
  struct PeriodTimer { bool used = false; Nanos due{0}; };
  struct QueueState { int64_t size = 0; int last_cpu = -1; WaitQueue takers, putters; };
  // Open loop: requests that wait for a thread, threads that wait for a request.
  struct OpenLoop {
    std::unique_ptr<ArrivalProcess> arrivals;
    std::vector<Task*> idle_threads;  // last in, first out: the warmest cache first
    Ring<Nanos> backlog;              // arrival times not yet taken
    uint64_t next_request = 0;        // number of the next request to be taken
  };

  void MakeTasks();
  void StartTasks();
  void HandleEvent(int source);
  Nanos WatchUntil(Nanos t, Nanos next, Nanos patience);
  void Arrive(int group);
  void Serve(Task& t, Nanos arrival);
  void AnnounceWork(Task& t);    // of the pass that comes next, if its group hints so
  [[gnu::always_inline]] bool BeginPass(Task& t);       // false: an open-loop thread without a request; it blocks
  [[gnu::always_inline]] bool EndPass(Task& t);         // false: the task exits
  [[gnu::always_inline]] void BeginEvent(Task& t, Nanos release);
  [[gnu::always_inline]] void EndEvent(Task& t);
  void Fork(Task& parent, int group, int cpu);
  bool Put(QueueState& q, int64_t capacity, Task& t, int cpu);
  bool Take(QueueState& q, Task& t, int cpu);
  Nanos PipeCall(QueueState& q, int cpu) const;  // what a put or take costs its caller
  bool SleepPeriod(const Op& op, Task& t);
  void CondWait(const Op& op, Task& t, int cpu);
  bool CondSignal(uint32_t condition, Task& t, int cpu);  // false: nobody waited
  bool TakeLock(uint32_t lock, Task& t);  // false: it waits
  bool Unlock(uint32_t lock, Task& t, int cpu);  // whether somebody waited
  Nanos Duration(const Op& op, Task& t);
  // `sync`: as pipes do it, the waker is about to sleep (WF_SYNC).
  void WakeBy(Task& sleeper, Task& waker, int cpu, bool sync = false);
  void Finish();
  void FailStuck();
  void FailUnfinished();
  std::string WhatBlocks(const Task& t) const;
  Metrics CollectMetrics();
  bool Measured(Nanos release) const { return release >= w_.warmup && release < w_.horizon; }
  int ArrivalSource(int group) const { return m_.cpus + 1 + group; }
  int TaskSource(const Task& t) const { return m_.cpus + 1 + static_cast<int>(w_.groups.size()) + t.index; }

  const Workload& w_;
  const Machine& m_;
  const uint64_t seed_;
  const SimOptions options_;
  EventQueue events_;
  Kernel kernel_;
  std::vector<Task> tasks_;
  std::vector<int> first_task_;    // of each group
  std::vector<int> forked_;        // of each group: started by kFork so far
  std::vector<Sampler> samplers_;  // one per Workload::dists
  std::vector<Sampler> starts_;    // start delays, one per group
  std::vector<Lock> locks_;
  std::vector<Semaphore> semaphores_;
  std::vector<BarrierState> barriers_;
  std::vector<QueueState> queues_;
  std::vector<WaitQueue> conditions_;
  std::vector<PeriodTimer> timers_;          // shared ones by index, then each task's own
  std::vector<std::vector<int>> own_timer_;  // [group][timer]: which of its task's; empty if it has none
  std::vector<size_t> task_timers_;          // of each task: where its own begin
  std::vector<OpenLoop> open_;
  std::vector<GroupSamples> samples_;
  bool open_loop_ = false;
  int live_ = 0;              // started and not exited
  int64_t pending_ = 0;       // open loop: measured requests not finished
  uint64_t processed_ = 0, runs_ = 0, sleeps_ = 0;
  Nanos end_{0};              // when the run ended
  Nanos first_start_ = Nanos::Max(), last_exit_{0};
  bool done_ = false;
};

}  // namespace ose

#endif  // OSEVOLVE_SIM_ENGINE_H_
