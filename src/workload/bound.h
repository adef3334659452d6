// Bounds: what no scheduling policy can beat on a workload, machine and seed.
//
// Each bound drops constraints until the problem is exactly solvable, so it holds for every
// policy, clairvoyant ones included, with zero overhead:
//  - span and completion throughput: max(critical path, work / CPUs, longest task), with release
//    times max over r of r + work released from r on / CPUs (McNaughton 1959; reference in .cc);
//  - closed-loop throughput: CPUs / mean work, and tasks / (work + sleep) (asymptotic bounds,
//    Denning & Buzen 1978);
//  - open-loop throughput: the arrivals; latency quantiles: an event takes at least its own
//    work, so its k-th smallest latency is at least the k-th smallest work; mean latency: SRPT
//    on one server of the speed of all CPUs (Schrage 1968), a relaxation of k CPUs;
//  - slowdown >= 1; start and wake-up quantiles: of n tasks released together on m idle CPUs,
//    the j-th start waits for floor(j / m) switches, since a CPU must at least switch once
//    between two starts.
// A quantity without a non-trivial bound is absent.
#ifndef OSEVOLVE_WORKLOAD_BOUND_H_
#define OSEVOLVE_WORKLOAD_BOUND_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/metrics.h"
#include "workload/machine.h"
#include "workload/workload.h"

namespace ose {

// Bounds by metric name, of every metric that the workload's objectives name and all others
// for which one is known. Deterministic.
Metrics Bounds(const Workload& workload, const Machine& machine, uint64_t seed);

// Which argument gave each bound, for `osevolve bound`: metric name -> one line.
struct BoundNote {
  std::string metric, argument;
};
std::vector<BoundNote> BoundNotes(const Workload& workload);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_BOUND_H_
