// rt-app files: the JSON workloads of rt-app (https://github.com/scheduler-tools/rt-app, doc/tutorial.txt),
// read as they are. Semantics are those of its source (src/rt-app.c, rt-app_parse_config.c), as far as a
// workload can express them; docs/workloads.md lists what each key becomes. What cannot be expressed is an
// error that names file, line and key, and so is a key that rt-app does not know.
#ifndef OSEVOLVE_WORKLOAD_RTAPP_H_
#define OSEVOLVE_WORKLOAD_RTAPP_H_

#include <string>
#include <string_view>

#include "base/result.h"
#include "workload/workload.h"

namespace ose {

// CPU time of `mem`, which is memset: measured on an AMD EPYC in a microVM, 4 MiB at a time.
inline constexpr double kRtAppMemNsPerKb = 10.4;
// CPU time of one write(2) of `iorun` to /dev/null, whatever its size: measured there, too.
inline constexpr int64_t kRtAppWriteNs = 195;

// The workload is named after the file. Errors as of ParseWorkload.
Result<Workload> ParseRtApp(std::string_view text, const std::string& file);
// See OperationLine (workload_check.h).
int RtAppOperationLine(std::string_view text, const std::string& file, const std::string& group, size_t op);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_RTAPP_H_
