// Samples: what a run, simulated or real, measures while it goes, per group of tasks, and the metrics
// made of it.
// Definitions: core/metrics.cc and docs/metrics.md.
#ifndef OSEVOLVE_WORKLOAD_SAMPLES_H_
#define OSEVOLVE_WORKLOAD_SAMPLES_H_

#include <string>
#include <vector>

#include "base/time.h"
#include "core/metrics.h"

namespace ose {

struct GroupSamples {
  std::vector<double> latency_us, slowdown, start_us, wakeup_us;
  uint64_t events = 0;      // finished in the measured window
  uint64_t incomplete = 0;  // counted with their age when the run ended
  Nanos first_start = Nanos::Max(), last_finish{0};

  // Room for so many, so that they can be added without allocating. More may come.
  void Reserve(size_t events, size_t wakeups);
  void Merge(const GroupSamples& other);
  // An event that had not finished when the run ended counts with its age. `work` is the CPU time it
  // has had; one that has not `started` counts as if it needed 1 us. `only_if_old`: not if it is
  // younger than the median event so far.
  void AddUnfinished(Nanos age, Nanos work, bool started, bool only_if_old);
};

// Adds the metrics of one group (or of all together, with an empty prefix) to `out`.
// `window` is the measured time, or 0 when the run ends with its tasks: then throughput is
// events / (last finish - first start).
void AddEventMetrics(GroupSamples& samples, const std::string& prefix, Nanos window, Metrics& out);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_SAMPLES_H_
