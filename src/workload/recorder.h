// Record: runs a command (or attaches to a running process), records its scheduling through the
// kernel's tracepoints, and returns the workload that replays it. docs/recording.md describes
// what is kept and what is lost.
#ifndef OSEVOLVE_WORKLOAD_RECORDER_H_
#define OSEVOLVE_WORKLOAD_RECORDER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "workload/trace_model.h"

namespace ose {

struct RecordOptions {
  std::vector<std::string> argv = {};  // the command, found through PATH; or
  int pid = 0;                         // a running process: all its threads, and what they start
  Nanos limit{0};                      // stop after this time; 0 = none. Ends a command with SIGTERM.
  int64_t buffer_kb = 0;               // ring buffer of each CPU; 0 = 32 MB, less where memory is scarce
  bool yields = true;                  // trace sched_yield calls; costs some 0.1 us per system call
  Nanos context_switch{0}, wakeup{0};  // see TraceModelOptions
  std::string name = {};               // of the workload; "" = the command's
};

struct RecordResult {
  Workload workload;
  TraceTotals totals;
  std::vector<std::string> notes;
  int exit_status = -1;      // the command's, 128 + signal if one killed it; -1 = attached, or still running
  bool interrupted = false;  // by SIGINT, SIGTERM or SIGHUP
  bool limit_reached = false;
  int64_t events = 0, trace_bytes = 0;
};

// Blocks until the command ends, the limit is reached or a signal arrives. Signals are taken
// from the calling thread, so no other thread may have them unblocked. The first one that
// a terminal did not send to the command as well is passed on to it; the recording goes on until
// the command has ended, or for two seconds, or until a second signal.
// Errors: kExitNoTracing, kExitNotFound (no such command or process), kExitBadTrace (nothing ran).
Result<RecordResult> Record(const RecordOptions& options);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_RECORDER_H_
