// The events of a run that are the same under every policy: what each needs, and when it is
// released if that is no choice of the policy's.
#ifndef OSEVOLVE_WORKLOAD_EVENT_SAMPLE_H_
#define OSEVOLVE_WORKLOAD_EVENT_SAMPLE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "workload/critical_path.h"
#include "workload/srpt.h"
#include "workload/workload.h"

namespace ose {

// A request of an open loop: ns of CPU, that plus its sleeps, and what CPU time it may use beyond it (kSpin).
struct Request {
  int64_t release, work, own, spare;
};

// All requests of a group up to the horizon, in the order of arrival. None for another group.
std::vector<Request> RealiseRequests(const Workload& workload, int group, int cpus, uint64_t seed);

// Whether each request is one event, released by its arrival. Events marked inside requests are
// released when a policy lets them begin.
bool RequestsAreEvents(const Group& group);

// The measured events of some groups.
struct EventSample {
  bool complete = false;      // the same events under every policy
  std::vector<double> own;    // if complete: what each takes at least, ns
  std::vector<double> ratio;  // if complete: own / work of each that works; empty = all 1
  double least_own = 0, least_ratio = 1;  // if not: of any event that could be
  std::vector<Job> jobs;      // if complete and the releases are the same, too: sorted
};

// `requests` by group; `path` of a run to completion, else null.
EventSample TakeEventSample(const Workload& workload, std::span<const int> groups,
                            std::span<const std::vector<Request>> requests, const CriticalPath* path);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_EVENT_SAMPLE_H_
