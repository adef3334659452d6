// ScheduleRecorder: writes down a run, or a part of it, as a ScheduleLog.
//
// Room: 48 bytes for each event of the log, and what all tasks and CPUs are doing. A log that does not
// begin with the run begins with that.
#ifndef OSEVOLVE_SIM_SCHEDULE_RECORDER_H_
#define OSEVOLVE_SIM_SCHEDULE_RECORDER_H_

#include <array>
#include <vector>

#include "core/schedule_log.h"
#include "sim/schedule_observer.h"

namespace ose {

class ScheduleRecorder : public ScheduleObserver {
 public:
  explicit ScheduleRecorder(const ScheduleLogOptions& options) : options_(options) {}
  void OnBegin(const Workload& workload, const Machine& machine, const std::vector<Task>& tasks) override;
  void OnEnd(const Kernel& kernel) override;
  void OnWakeup(const Task& task, Nanos now, int cpu, bool is_first) override;
  void OnQueued(const Task& task, Nanos now) override;
  void OnMoved(const Task& task, Nanos now) override { OnQueued(task, now); }
  void OnRunning(const Task& task, int cpu, Nanos now, Nanos begins) override;
  void OnStopping(const Task& task, int cpu, Nanos now, TurnEnd why, int by_cpu) override;
  void OnIdle(int cpu, Nanos now, bool idle) override;
  void OnCost(int cpu, CostKind kind, Nanos cost) override;
  void OnOverhead(int cpu, Nanos begin, Nanos cost) override;
  void OnEventBegin(const Task& task, Nanos now, Nanos release) override;
  void OnEventEnd(const Task& task, Nanos now, Nanos release, Nanos work) override;

  // After OnEnd.
  ScheduleLog TakeLog() { return std::move(log_); }

 private:
  struct PerTask {
    bool waits = false;
    int queue_cpu = -1;         // where, if it waits
    int64_t queue = -1;
    Nanos event_start{-1};
  };
  struct PerCpu {
    int task = -1;
    Nanos begins{0};            // its first instruction
    bool idle = true;
    std::array<Nanos, kCostKinds> due{};  // overhead run up, not paid yet
  };

  PerTask& Of(const Task& t) { return per_task_[static_cast<size_t>(t.index)]; }
  PerCpu& Of(int cpu) { return per_cpu_[static_cast<size_t>(cpu)]; }
  // Whether what happens now belongs to the log; begins and ends it.
  bool Records(Nanos now);
  void Begin();
  void End(Nanos now);
  void Add(const ScheduleEvent& event) { log_.events.push_back(event); }

  const ScheduleLogOptions options_;
  ScheduleLog log_;
  const std::vector<Task>* tasks_ = nullptr;
  std::vector<PerTask> per_task_;
  std::vector<PerCpu> per_cpu_;
  // Paid before the log is begun, but in part after from_ns: nothing need happen then.
  std::vector<ScheduleEvent> early_overhead_;
  bool begun_ = false, ended_ = false;
};

}  // namespace ose

#endif  // OSEVOLVE_SIM_SCHEDULE_RECORDER_H_
