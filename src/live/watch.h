// Watch: counts what runs on a live kernel for a while, for its signature (docs/signature.md), by BPF programs at
// the switch, wake-up and fork tracepoints (live/bpf/watch.bpf.c) instead of a record of every event.
//
// Needs root. Works under any scheduler; sched_ext is not needed.
#ifndef OSEVOLVE_LIVE_WATCH_H_
#define OSEVOLVE_LIVE_WATCH_H_

#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace ose {

struct WatchOptions {
  std::string object;                // watch.bpf.o
  std::vector<std::string> command;  // is run and followed with all that it forks; empty: all of user space
  bool system_calls = true;          // count yields and futex calls, which costs a probe at each
  Nanos time = Nanos::Seconds(5);    // without a command; with one at most so long, then it goes on unwatched
};

// The counts as JSON, as workload/signature_counts.h reads them. Ends early on SIGINT and SIGTERM.
// kExitNoTracing when the kernel lets us attach nothing.
Result<std::string> WatchCounts(const WatchOptions& options);

}  // namespace ose

#endif  // OSEVOLVE_LIVE_WATCH_H_
