// Reads scheduling events from the text that Linux tools print: ftrace's `trace` file,
// `trace-cmd report` (also -R), `perf script` and `perf sched script`. All of them print one
// event a line, in time order:
//
//   ftrace     bash-7924    [000] d..2.  1433.166431: sched_waking: comm=grep pid=7907 ...
//   trace-cmd  bash-7924    [000]  1433.166431: sched_switch:  bash:7924 [120] S ==> ...
//   perf       bash  7924 [000]  1433.166431:  sched:sched_waking: comm=grep pid=7907 ...
//
// Other lines and other events are skipped. A known event that cannot be read, a last line that
// is cut short and a text without any event are errors: a recording with a hole nobody noticed
// would replay a program that never was.
#ifndef OSEVOLVE_WORKLOAD_TRACE_TEXT_H_
#define OSEVOLVE_WORKLOAD_TRACE_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "workload/sched_event.h"

namespace ose {

struct TraceTextInfo {
  int64_t lines = 0, events = 0, switches = 0;
  int64_t lost = 0;         // sum of [LOST n EVENTS] and the like
  int cpus = 0;             // as the header says, else the highest CPU number + 1
  bool has_yields = false;  // sched_yield was traced
  bool has_irq = false;     // the events tell whether an interrupt emitted them
  int64_t first_ns = 0, last_ns = 0;
};

// Calls `sink` for every event of `text`. `file` names it in errors ("file:line: what; fix",
// kExitBadTrace). Keeps no event, so a mapped file of any size will do.
Result<TraceTextInfo> ParseTraceText(std::string_view text, const std::string& file,
                                     const SchedEventSink& sink);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_TRACE_TEXT_H_
