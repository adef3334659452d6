// ScheduleLog: what happened in one simulated schedule, moment by moment, for pictures: a Perfetto
// trace, a Gantt chart. Recorded by sim/schedule_recorder.h; report/perfetto_trace.h and
// report/gantt.h draw it.
//
// All times are simulated nanoseconds since the start of the run.
#ifndef OSEVOLVE_CORE_SCHEDULE_LOG_H_
#define OSEVOLVE_CORE_SCHEDULE_LOG_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ose {

// Why a task left its CPU. In the last three it is still runnable.
enum class TurnEnd : uint8_t {
  kSlept,
  kExited,
  kYielded,
  kSliceUsedUp,
  kPreempted,  // its slice was set to 0: kick_cpu, an insert that preempts, or set_slice
};
inline bool StaysRunnable(TurnEnd end) { return end >= TurnEnd::kYielded; }

// What a CPU's overhead is for; kPolicy is hooks, queue operations and kicks.
enum class CostKind : uint8_t { kWakeup, kSwitch, kMigration, kInterrupt, kSystemCall, kNoise, kPolicy };
inline constexpr int kCostKinds = 7;

// How a task became runnable.
enum class WakeReason : uint8_t {
  kWoken,    // by another task
  kForked,   // likewise
  kTimer,    // its sleep was over
  kRequest,  // an arrival was given to it
  kStart,    // it began
  kBefore,   // before the log begins
};

const char* TurnEndName(TurnEnd end);        // "slice used up"
const char* CostKindName(CostKind kind);     // "migration"
const char* WakeReasonName(WakeReason why);  // "timer"

struct ScheduleEvent {
  enum class Kind : uint8_t {
    kWakeup,    // task, cpu that executes the wake-up, other: the waker or -1, detail: WakeReason
    kQueued,    // task, cpu: the local queue's or -1, value: the id of other queues, -1: the global one
    kRun,       // task, cpu; picked at at_ns, first instruction at `value`
    kStop,      // task, cpu, detail: TurnEnd, other: of kPreempted the CPU whose policy code did it, or -1
    kIdle,      // cpu, value: 1 it goes idle, 0 it leaves idleness
    kOverhead,  // cpu, detail: CostKind, from at_ns for `value` ns; may begin after the events that follow
    kEvent,     // an event of the workload ends: task, value: release, start_ns: first instruction or -1,
                // work_ns: CPU time, detail: 1 it finished, 0 the log ends first
  };
  Kind kind = Kind::kWakeup;
  uint8_t detail = 0;
  int32_t cpu = -1, task = -1, other = -1;
  int64_t at_ns = 0, value = 0, start_ns = -1, work_ns = 0;
  bool operator==(const ScheduleEvent&) const = default;
};
inline constexpr int kScheduleEventKinds = 7;

// Which part of a run is recorded: from..to, and no more than max_events.
struct ScheduleLogOptions {
  int64_t from_ns = 0, to_ns = INT64_MAX;
  int64_t max_events = 1'000'000;
};

struct ScheduleLog {
  struct Group {
    std::string name;
    int tasks = 0;
    bool operator==(const Group&) const = default;
  };
  std::string workload, machine;
  uint64_t seed = 0;
  int cpus = 0;
  std::vector<Group> groups;  // tasks are numbered through, group by group
  int64_t begin_ns = 0;       // the log holds what happened from here
  int64_t end_ns = 0;         // to here
  int64_t run_ns = 0;         // length of the run
  bool full = false;          // it ends at end_ns because it reached max_events
  std::vector<ScheduleEvent> events;  // in the order in which they happened

  int TaskCount() const;
  int GroupOf(int task) const;
  std::string TaskName(int task) const;  // "fast[3]"
  bool operator==(const ScheduleLog&) const = default;
};

// "queue 7", "global queue", "local queue of cpu 2": cpu and value of a kQueued event.
std::string QueueName(int cpu, int64_t id);

// As JSON, the events as packed bytes in it.
std::string EncodeScheduleLog(const ScheduleLog& log);
// kExitInternal when it is not one: CPUs, tasks and times are within what the log says of itself, so
// that readers need not look.
Result<ScheduleLog> DecodeScheduleLog(std::string_view json);

}  // namespace ose

#endif  // OSEVOLVE_CORE_SCHEDULE_LOG_H_
