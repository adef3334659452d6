// LoadRun: one run of a workload by real threads. The semantics are those of sim/engine.h, function by
// function where the names are the same.
//
// Threads: one for each task, made before the start; the caller's, which waits for the end. Times are since the start of the run unless they are
// called absolute.
//
// The end. The supervisor sets end_, then stops every waiter. A thread that sees by the clock that
// end_ has passed goes no further, so what happens later is not measured, however late it is stopped.
#ifndef OSEVOLVE_LOAD_RUN_H_
#define OSEVOLVE_LOAD_RUN_H_

#include <sched.h>
#include <signal.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "load/clock.h"
#include "load/hints.h"
#include "load/load.h"
#include "load/load_task.h"
#include "load/open_loop.h"
#include "load/pipe_queue.h"
#include "load/sync.h"
#include "workload/draw.h"

namespace ose {

class LoadRun {
 public:
  LoadRun(const Workload& workload, const LoadOptions& options);
  ~LoadRun();
  Result<LoadResult> Go();

 private:
  // setup.cc: before and after.
  Status ChooseCpus();
  Status MakeObjects();
  Status StartThreads();
  void ReleaseThreads();
  void StopThreads();
  void RestoreCaller();
  void Prepare(LoadTask& t);
  void TakeBaselines(LoadTask& t);
  void TakeTotals(LoadTask& t);
  bool PassGate();  // false: the run does not begin
  void TaskMain(LoadTask& t);
  void Note(const std::string& text);

  // run.cc: the supervisor.
  Status Supervise();
  bool AllBlocked(std::vector<uint64_t>& waits);
  Status Stuck();
  Status Unfinished();
  std::string WhatBlocks(const LoadTask& t, uint32_t pc);
  std::string Name(const LoadTask& t) const;

  // program.cc: in the threads of the tasks. Those that return bool: false ends the thread.
  bool WaitForStart(LoadTask& t);
  void Perform(LoadTask& t);
  bool BeginPass(LoadTask& t);
  bool EndPass(LoadTask& t);
  void BeginEvent(LoadTask& t, Nanos release, Nanos now);
  bool EndEvent(LoadTask& t);
  bool TakeLock(uint32_t index, LoadTask& t);
  bool Block(LoadTask& t);
  bool SleepUntil(LoadTask& t, Nanos due);
  bool Resumed(LoadTask& t, Nanos woken_at);
  bool Use(LoadTask& t, Nanos amount);
  bool Pass(LoadTask& t, bool put, uint32_t queue);
  bool Spin(LoadTask& t, Nanos time);
  bool SleepPeriod(LoadTask& t, const Op& op);
  void Fork(int group);
  bool TakeArrival(LoadTask& t);
  // Of the pass that comes next, which draws from `rng`, if its group hints so.
  void AnnounceWork(const LoadTask& t, Rng rng);
  Nanos Duration(const Op& op, LoadTask& t) const { return {op.drawn ? samplers_[op.object](t.rng) : op.ns}; }

  // collect.cc: after all threads have ended.
  void Finish();
  Metrics CollectMetrics();

  const Group& GroupOf(const LoadTask& t) const { return w_.groups[static_cast<size_t>(t.group)]; }
  bool IsOpen(const LoadTask& t) const { return GroupOf(t).arrivals.kind != Arrivals::Kind::kNone; }
  Nanos Now() const { return {MonoNs() - origin_}; }
  Nanos Since(int64_t absolute) const { return {absolute - origin_}; }
  bool Measured(Nanos release) const { return release >= w_.warmup && release < w_.horizon; }
  bool Over(const LoadTask& t) const { return t.waiter.stopped() || Now().v > end_.load(std::memory_order_relaxed); }
  void Notify();  // the supervisor should look

  const Workload& w_;
  const LoadOptions options_;
  std::vector<int> cpus_;  // that the run may use, as the kernel numbers them
  std::vector<std::string> notes_;
  std::mutex notes_mutex_;
  double ns_per_block_ = 0;

  HintBoard hints_;
  std::vector<LoadTask> tasks_;
  std::vector<int> first_task_;
  std::vector<std::atomic<int>> forked_;
  std::vector<Sampler> samplers_, starts_;
  std::vector<FifoLock> locks_;
  std::vector<FifoSemaphore> semaphores_;
  std::vector<FifoBarrier> barriers_;
  std::vector<FifoCondition> conditions_;
  std::vector<PeriodTimer> timers_;
  std::vector<PipeQueue> queues_;
  std::vector<OpenLoop> open_;  // by group; unused by those without arrivals
  std::vector<GroupSamples> samples_;  // per group, from collect.cc on
  bool open_loop_ = false;

  size_t task_threads_ = 0;  // made
  std::atomic<uint32_t> ready_{0};
  std::atomic<uint32_t> gate_{0};  // 0 closed, 1 open, 2 never
  int64_t origin_ = 0;             // absolute; before the gate opens
  std::atomic<int64_t> end_;       // ns; first the latest possible
  std::atomic<int> live_{0};       // started and not exited
  std::atomic<int> arriving_{0};  // groups to which more requests come
  std::atomic<int64_t> pending_{0};      // measured requests not finished
  std::atomic<int64_t> last_done_{0};    // when that became 0
  std::atomic<uint32_t> news_{0};        // futex of the supervisor

  // Of the caller, to be put back.
  std::optional<cpu_set_t> caller_cpus_;
  std::optional<struct sigaction> caller_action_;
};

}  // namespace ose

#endif  // OSEVOLVE_LOAD_RUN_H_
