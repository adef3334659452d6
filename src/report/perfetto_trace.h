// PerfettoTrace: a ScheduleLog as a trace that ui.perfetto.dev opens (docs/pictures.md says what is
// in it).
//
// Format: TracePackets with TrackEvents, as in protos/perfetto/trace of github.com/google/perfetto:
// first one packet with all names, then the tracks, then events in the order of time. A pure function:
// equal logs give equal bytes. About 50 bytes for each event of the log.
#ifndef OSEVOLVE_REPORT_PERFETTO_TRACE_H_
#define OSEVOLVE_REPORT_PERFETTO_TRACE_H_

#include <string>

#include "core/schedule_log.h"

namespace ose {

// `policy` names it in the trace.
std::string PerfettoTrace(const ScheduleLog& log, const std::string& policy);

}  // namespace ose

#endif  // OSEVOLVE_REPORT_PERFETTO_TRACE_H_
