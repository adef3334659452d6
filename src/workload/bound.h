// Bounds: what no scheduling policy can beat on a workload, machine and seed.
//
// Each bound drops constraints until the problem is exactly solvable, so it holds for every
// policy, clairvoyant ones included, with zero overhead. In short (docs/bounds.md has each
// argument, its source, and when it is loose):
//  - to completion: max(critical path, work / CPUs with release times or tails, time under one lock)
//    (McNaughton 1959, Carlier 1987); latencies by the sorted works, and shortest first when all are released
//    together;
//  - closed loop: CPUs / mean work, tasks / (work + sleep), 1 / time under one lock (Denning and
//    Buzen 1978), on what the tasks really draw;
//  - open loop: the arrivals; the k-th smallest latency is at least the k-th smallest work; mean
//    latency: SRPT on one server as fast as all CPUs (Schrage 1968) and mean busy times (Goemans
//    et al. 2002);
//  - slowdown >= 1; starts and wake-ups: a CPU switches once for each.
// A quantity without a non-trivial bound is absent, unless an objective names it and it is a
// time: then 1 ns stands for 0.
#ifndef OSEVOLVE_WORKLOAD_BOUND_H_
#define OSEVOLVE_WORKLOAD_BOUND_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/metrics.h"
#include "workload/machine.h"
#include "workload/workload.h"

namespace ose {

// Bounds by metric name, of the whole workload and, with up to 64 groups, of each group. The same
// draws and arrivals as a simulation with this seed. Deterministic.
Metrics Bounds(const Workload& workload, const Machine& machine, uint64_t seed);

// Which argument gives each bound, for `osevolve bound`: metric name -> one line.
struct BoundNote {
  std::string metric, argument;
};
std::vector<BoundNote> BoundNotes(const Workload& workload);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_BOUND_H_
