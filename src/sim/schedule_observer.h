// ScheduleObserver: who wants to see the schedule as it is made (a profile, a trace). The kernel and
// the engine call it, if there is one, at the moments named here; an observer only looks, so that a run
// is the same with and without it.
//
// Order at one instant, as it happens: a task that is preempted is stopped, then queued; the one that
// comes next is running last. Before OnBegin no CPU runs anything; all are idle.
#ifndef OSEVOLVE_SIM_SCHEDULE_OBSERVER_H_
#define OSEVOLVE_SIM_SCHEDULE_OBSERVER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "core/schedule_log.h"
#include "sim/task.h"
#include "workload/machine.h"
#include "workload/samples.h"
#include "workload/workload.h"

namespace ose {

class Kernel;

class ScheduleObserver {
 public:
  virtual ~ScheduleObserver() = default;

  virtual void OnBegin(const Workload&, const Machine&, const std::vector<Task>&) {}
  // All accounts are settled. The tasks are those of OnBegin.
  virtual void OnEnd(const Kernel&) {}

  // The task is runnable from now on. task.waker_pid is 0 for an interrupt (a timer, an arrival, its
  // start); `cpu` executes the wake-up; `is_first`: it has never been runnable before.
  virtual void OnWakeup(const Task&, Nanos /*now*/, int /*cpu*/, bool /*is_first*/) {}
  // The runnable task was put into task.dsq.
  virtual void OnQueued(const Task&, Nanos /*now*/) {}
  // It went on to task.dsq, a local queue, from another one.
  virtual void OnMoved(const Task&, Nanos /*now*/) {}
  // It was picked; its first instruction is at `begins`, after what the switch costs. If this is the
  // first turn after a wake-up, task.awaits_first_run is set.
  virtual void OnRunning(const Task&, int /*cpu*/, Nanos /*now*/, Nanos /*begins*/) {}
  // `by_cpu`: kPreempted: the CPU whose policy code did it.
  virtual void OnStopping(const Task&, int /*cpu*/, Nanos /*now*/, TurnEnd, int /*by_cpu*/) {}
  virtual void OnIdle(int /*cpu*/, Nanos /*now*/, bool /*idle*/) {}
  // What an overhead with a cause of its own costs; never kPolicy, which is all other overhead.
  virtual void OnCost(int /*cpu*/, CostKind, Nanos /*cost*/) {}
  // When it is paid: the CPU does nothing else for `cost` from `begin` on, which is now, or when it is
  // through with earlier overhead. May lie beyond the end of the turn, and of the run.
  virtual void OnOverhead(int /*cpu*/, Nanos /*begin*/, Nanos /*cost*/) {}

  // Events of the workload: first instruction, and finish after `work` of CPU time.
  virtual void OnEventBegin(const Task&, Nanos /*now*/, Nanos /*release*/) {}
  virtual void OnEventEnd(const Task&, Nanos /*now*/, Nanos /*release*/, Nanos /*work*/) {}

  // After OnEnd, of a run that succeeded: what the metrics with this prefix are made of, "GROUP." or "".
  virtual void OnSamples(const std::string& /*prefix*/, const GroupSamples&) {}
};

}  // namespace ose

#endif  // OSEVOLVE_SIM_SCHEDULE_OBSERVER_H_
