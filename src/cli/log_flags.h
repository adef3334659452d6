// LogFlags: which part of a simulated schedule is recorded, for eval --trace and plot gantt.
#ifndef OSEVOLVE_CLI_LOG_FLAGS_H_
#define OSEVOLVE_CLI_LOG_FLAGS_H_

#include <string>
#include <vector>

#include "base/result.h"
#include "core/schedule_log.h"
#include "core/worker_protocol.h"

namespace CLI {
class App;
}

namespace ose {

struct LogFlags {
  double from_ms = 0, to_ms = -1;  // -1: the end
  int64_t max_events = ScheduleLogOptions{}.max_events;

  void AddTo(CLI::App& app);
  Result<ScheduleLogOptions> Options() const;  // kExitUsage
};

// The log of the only seed. kExitUsage when the run had ended before the log was to begin.
Result<ScheduleLog> LogOf(Result<std::vector<WorkerSeed>> seeds);

// Of a log that is full: what is missing, and how to get it.
std::string WhereLogEnds(const ScheduleLog& log);

}  // namespace ose

#endif  // OSEVOLVE_CLI_LOG_FLAGS_H_
