// ScheduleObserver: who wants to see the schedule as it is made (a profile, a trace). The kernel and
// the engine call it, if there is one, at the moments named here; an observer only looks, so that a run
// is the same with and without it.
//
// Order at one instant, as it happens: a task that is preempted is stopped, then queued; the one that
// comes next is running last. Before OnBegin no CPU runs anything; all are idle.
#ifndef OSEVOLVE_SIM_SCHEDULE_OBSERVER_H_
#define OSEVOLVE_SIM_SCHEDULE_OBSERVER_H_

#include <cstdint>
#include <vector>

#include "base/time.h"
#include "sim/task.h"
#include "workload/machine.h"
#include "workload/workload.h"

namespace ose {

class Kernel;

// Why a task left its CPU. In the last three it is still runnable.
enum class TurnEnd : uint8_t {
  kSlept,
  kExited,
  kYielded,
  kSliceUsedUp,
  kPreempted,  // its slice was set to 0: kick_cpu, an insert that preempts, or set_slice
};

// Overhead with a cause of its own; all other overhead is the policy's (hooks, queues, kicks).
enum class CostKind : uint8_t { kWakeup, kSwitch, kMigration, kInterrupt, kSystemCall, kNoise };

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
  // It was picked; its first instruction is at `begins`, after what the switch costs. If this is the
  // first turn after a wake-up, task.awaits_first_run is set.
  virtual void OnRunning(const Task&, int /*cpu*/, Nanos /*now*/, Nanos /*begins*/) {}
  // `by_cpu`: kPreempted: the CPU whose policy code did it.
  virtual void OnStopping(const Task&, int /*cpu*/, Nanos /*now*/, TurnEnd, int /*by_cpu*/) {}
  virtual void OnIdle(int /*cpu*/, Nanos /*now*/, bool /*idle*/) {}
  virtual void OnCost(int /*cpu*/, CostKind, Nanos /*cost*/) {}

  // Events of the workload: first instruction, and finish after `work` of CPU time.
  virtual void OnEventBegin(const Task&, Nanos /*now*/, Nanos /*release*/) {}
  virtual void OnEventEnd(const Task&, Nanos /*now*/, Nanos /*release*/, Nanos /*work*/) {}
};

}  // namespace ose

#endif  // OSEVOLVE_SIM_SCHEDULE_OBSERVER_H_
