// TraceModel: turns the scheduling events of some tasks into a Workload that does the same.
//
// What is kept is what the program did, not what the scheduler made of it:
//
//   in the trace                                in the program
//   ------------------------------------------  -------------------------------------------------
//   on the CPU, also if preempted in between    run: the sum of the time on the CPU
//   sched_yield                                 yield (also one that did not switch)
//   blocked, woken by a followed task           wait on the sleeper's own semaphore; signal in the
//                                               waker, at the CPU time at which it woke the sleeper
//   blocked, woken by anything else: a timer,   timer: sleep until that time since the start
//   a device, a kernel thread, a stranger
//   new thread or process                       fork in the parent at that CPU time
//   exit                                        end of the program
//
// Each task becomes a group of its own, since no two recorded programs are alike.
#ifndef OSEVOLVE_WORKLOAD_TRACE_MODEL_H_
#define OSEVOLVE_WORKLOAD_TRACE_MODEL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "workload/sched_event.h"
#include "workload/workload.h"

namespace ose {

struct TraceModelOptions {
  // Whom to follow; their descendants are followed in any case.
  std::vector<int> pids;           // these threads
  std::vector<std::string> comms;  // and threads of these names
  bool everybody = false;          // and all but kernel threads (by name) and idle
  // > 0: the recording starts when this thread, one of `pids`, executes its program; all before
  // is ignored.
  int start_at_exec_of = 0;
  // Otherwise it starts here, or with the first event of a followed task if negative. Tasks that
  // are first seen waking or leaving a CPU were asleep or running since then.
  int64_t start_ns = -1;
  // Does the trace have sched_yield events? If not, a switch in state R counts as a yield when
  // nothing else explains it: see the note in trace_model.cc.
  bool yields_traced = false;
  // The time on the CPU that was the kernel's, and that a replay on this machine profile pays
  // again: taken off every stretch on a CPU and off every wake-up of another task.
  Nanos context_switch{0}, wakeup{0};
  int cpus = 0;         // of the machine that was recorded
  std::string command;  // what was recorded, for people
  std::string name;     // of the workload
};

// What the trace says, counted in a way that the simulator can count too.
struct TraceTotals {
  // From the start to the end of the last followed task, or to the end of the recording if one
  // was still there.
  Nanos span{0};
  Nanos cpu{0};             // on a CPU, from switch to switch: the kernel's switching is in it
  Nanos work{0};            // the same as the programs have it: less the options' costs
  int64_t tasks = 0;        // that ran and are in the workload
  int64_t runs = 0;         // CPU bursts: from the first instruction after a sleep (or the start) to
                            // the next sleep (or the end), however often preempted
  int64_t sleeps = 0;       // times a task left the CPU blocked
  int64_t wakeups = 0;      // sleeps that ended
  int64_t signals = 0;      // of these, ended by a followed task: edges between tasks
  int64_t yields = 0;       // sched_yield calls
  int64_t switches = 0;     // a followed task got a CPU
  int64_t preemptions = 0;  // a followed task lost its CPU while it could have gone on
  int64_t unfinished = 0;   // tasks that had not ended when the recording did
  int64_t lost_events = 0;
  bool started = false;  // start_at_exec_of was seen (or not asked for)
};

struct TraceResult {
  Workload workload;
  TraceTotals totals;
  // What a reader should know about this recording; recorded.note is left to the caller.
  std::vector<std::string> notes;
};

class TraceModel {
 public:
  explicit TraceModel(TraceModelOptions options);
  ~TraceModel();
  TraceModel(const TraceModel&) = delete;
  TraceModel& operator=(const TraceModel&) = delete;

  // Events in time order.
  void Add(const SchedEvent& event);
  // `end_ns`: when the recording ended; negative = with its last event. `lost_events`: known to
  // be lost beyond the gaps that were added. kExitBadTrace if no followed task ever ran. Call once.
  Result<TraceResult> Finish(int64_t end_ns = -1, int64_t lost_events = 0);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_TRACE_MODEL_H_
