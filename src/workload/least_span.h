// The least time from the first release to the last exit of a run to completion (docs/bounds.md, "Runs to completion").
#ifndef OSEVOLVE_WORKLOAD_LEAST_SPAN_H_
#define OSEVOLVE_WORKLOAD_LEAST_SPAN_H_

#include "workload/cpu_speeds.h"
#include "workload/critical_path.h"
#include "workload/workload.h"

namespace ose {

// ns, at least 1. The greatest of the critical path, the time under one lock, and for all work and that of every affinity: what
// cannot begin before r, from r on (McNaughton 1959), and what a tail must follow, up to the tail (Carlier 1987).
// `unpaid`: by how much the CPUs' unpaid system calls may shorten a run (least_calls.h).
double LeastSpan(const Workload& workload, const CriticalPath& path, const CpuSpeeds& on, double unpaid);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_LEAST_SPAN_H_
