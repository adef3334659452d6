// SignatureCounts: a signature from what was counted in a live kernel (docs/signature.md, column "from the kernel"),
// and a workload that has it.
#ifndef OSEVOLVE_WORKLOAD_SIGNATURE_COUNTS_H_
#define OSEVOLVE_WORKLOAD_SIGNATURE_COUNTS_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "workload/signature.h"
#include "workload/workload.h"

namespace ose {

struct SignatureCounts {
  int cpus = 1;
  double window_s = 0;
  double tasks = 0;           // that ran
  double cpu_ns = 0;
  double begun = 0, bursts = 0;  // bursts that began and that ended in the window
  double burst_ns = 0;        // sum over those that ended
  double burst_us2 = 0;       // sum of their squares, in us
  std::vector<double> burst_hist;  // four buckets an octave of ns: bucket 4n + i begins at 2^n (1 + i/4)
  double sleeps = 0, wakes = 0, yields = 0, locks = 0;
  double waker_pairs = 0, wakers = 0;
  double open_ns = 0;         // CPU time of tasks since they were woken from outside
  double arrivals = 0, gap_ns = 0, gap_us2 = 0;  // wake-ups from outside; sums over the gaps between them
  int min_nice = 0, max_nice = 0;
};

// JSON as `osevolve-live watch` writes it. kExitIo when it is not that.
Result<SignatureCounts> ParseSignatureCounts(std::string_view json);

// What is unfinished at the window's end counts as bursts of equal length. All zero when nothing ran.
Signature SignatureOfCounts(const SignatureCounts& counts);

// A workload with the same tasks, CPU time, bursts and sleeps, without their dependencies: one group whose tasks run
// for bursts drawn from the histogram and sleep in between. kExitBadWorkload when nothing ran.
Result<Workload> WorkloadOfCounts(const SignatureCounts& counts, const std::string& name);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_SIGNATURE_COUNTS_H_
