// ImportTrace: a workload from the text of a trace that was recorded elsewhere, with ftrace,
// trace-cmd or perf (workload/trace_text.h lists the forms).
#ifndef OSEVOLVE_WORKLOAD_TRACE_IMPORT_H_
#define OSEVOLVE_WORKLOAD_TRACE_IMPORT_H_

#include <string>
#include <vector>

#include "base/result.h"
#include "workload/trace_model.h"

namespace ose {

struct ImportOptions {
  std::vector<int> pids;               // follow these threads and their descendants,
  std::vector<std::string> comms;      // and the threads of these names; neither: every program
  Nanos context_switch{0}, wakeup{0};  // see TraceModelOptions
  std::string name;                    // of the workload; "" = from the file's name
};

// Errors: kExitBadTrace "file:line: what; fix"; kExitIo when the file cannot be read.
Result<TraceResult> ImportTrace(const std::string& path, const ImportOptions& options);
// The same from memory; `file` names it in errors.
Result<TraceResult> ImportTraceText(std::string_view text, const std::string& file,
                                    const ImportOptions& options);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_TRACE_IMPORT_H_
