// Requests on k equal servers under the disciplines of the max-load table, in a few lines and without the
// simulator: an independent calculation for the same arrivals and sizes, and so fast that rare events can be counted.
#ifndef OSEVOLVE_VALIDATE_MANY_SERVERS_H_
#define OSEVOLVE_VALIDATE_MANY_SERVERS_H_

#include <cstdint>

#include "base/time.h"
#include "workload/workload.h"

namespace ose {

enum class ServiceOrder {
  kRoundRobin,  // one queue for all; a request that outlasts its quantum costs `overhead` and goes to the end
  kSrpt,        // the least work left first, preemptive, without costs (Schrage 1968)
};

struct ManyServers {
  int servers = 1;
  ServiceOrder order = ServiceOrder::kRoundRobin;
  Nanos quantum = Nanos::Max();  // round robin; without an end: first come, first served
  Nanos overhead{0};             // of each quantum that ends before its request, whether another one waits or not
};

struct ServedRequests {
  int64_t requests = 0;      // that arrived in the measured window
  double mean_slowdown = 0;  // response over size
  double beyond = 0;         // part with a slowdown above the limit
};

// All requests of the workload's only group, which are one `run` each, until the last has been served.
// What happens at one instant: ends of quanta come before arrivals.
ServedRequests Serve(const Workload& workload, const ManyServers& how, uint64_t seed, double slowdown_limit);

}  // namespace ose

#endif  // OSEVOLVE_VALIDATE_MANY_SERVERS_H_
