// Load: a workload on a real kernel. Real threads run the program of each task: they use CPU time,
// sleep on timers, and meet at futexes and pipes; what is measured has the names and meanings of the
// simulator's metrics (docs/metrics.md, docs/load.md). What tasks draw is the same as in the simulator.
#ifndef OSEVOLVE_LOAD_LOAD_H_
#define OSEVOLVE_LOAD_LOAD_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "core/metrics.h"
#include "workload/workload.h"

namespace ose {

struct LoadOptions {
  uint64_t seed = 1;
  // Runs on the first so many of the CPUs that this process may use; 0, or more than there are: on all.
  int cpus = 0;
  // When it becomes true the run is stopped: kExitInterrupted. Looked at every 20 ms.
  const std::atomic<bool>* cancel = nullptr;
};

struct LoadResult {
  Metrics metrics;                 // those that a kernel gives; the others are absent
  std::vector<std::string> notes;  // what was not as the workload asks, a sentence each
  int cpus = 0;                    // that it ran on
  double wall_s = 0;               // all told
  double iterations_per_ns = 0;    // of the calibrated spinning
  Nanos requested{0};              // CPU time that the programs asked for and got: the simulator's cpu_time
};

// Takes as long as the workload does. While it runs, the calling thread has the CPU affinity of the run
// and the process a handler of SIGURG, which ends sleeps; both are put back, and all threads have ended,
// when it returns. One run at a time per process.
//
// Errors: kExitInterrupted; kExitWorkloadStuck when every task waits for another one; kExitFailure when
// the kernel refuses something (too many threads), or when a run that should end with its tasks has not
// ended at the horizon.
Result<LoadResult> RunLoad(const Workload& workload, const LoadOptions& options);

}  // namespace ose

#endif  // OSEVOLVE_LOAD_LOAD_H_
