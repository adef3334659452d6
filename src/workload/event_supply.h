// How many events can finish in the measured window of a run with a horizon, on the CPUs and
// locks that there are, whatever the policy does before and in it.
//
// Each group of tasks is a Supply: what its tasks could finish with a CPU each, and what of a
// resource (the CPUs, or one lock) those events need. MaxEvents then fills the resource with the
// cheapest events. For a closed loop of constant durations this is the asymptotic bound of
// Denning and Buzen (The Operational Analysis of Queueing Network Models, ACM Computing Surveys
// 10(3), 1978): X <= min(N / (D + Z), 1 / D_max).
#ifndef OSEVOLVE_WORKLOAD_EVENT_SUPPLY_H_
#define OSEVOLVE_WORKLOAD_EVENT_SUPPLY_H_

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "workload/least_calls.h"
#include "workload/workload.h"

namespace ose {

// Index of a resource: a lock of the workload, or the CPUs.
inline constexpr int kCpuResource = -1;

struct Supply {
  double cap = 0;  // events at most, if every task had a CPU and every lock to itself
  // Of the resource that it was made for: events that need none of it, then (ns an event, how
  // many events), together `cap` or more.
  double free = 0;
  double owed = 0;  // ns of system calls that a CPU may have left unpaid at the end
  std::vector<std::pair<double, double>> needs;
};

// Events of a closed-loop group (one without arrivals). One Supply for each of `resources`. Besides its work
// a task needs the CPU for its `calls`.
// O(events that fit in the horizon) if durations are drawn, else O(program).
std::vector<Supply> ClosedSupply(const Workload& workload, const LeastCalls& calls, int group, uint64_t seed, std::span<const int> resources);

// Events of an open-loop group whose requests, up to the horizon, need `work` ns of CPU each, of
// which `before` arrived before the warm-up's end. The CPUs' Supply only. O(n log n).
Supply OpenSupply(const Workload& workload, int group, std::span<const int64_t> work, int64_t before);

// Most events of all groups together that `capacity_ns` of the resource allow.
double MaxEvents(std::span<const Supply> supplies, double capacity_ns);

// The locks that a group's program takes, in the order of their first use.
std::vector<int> LocksUsed(const Workload& workload, int group);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_EVENT_SUPPLY_H_
