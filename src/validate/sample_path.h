// What arrives in a simulated run, drawn again from its seed (workload/draw.h), and what must come of it.
#ifndef OSEVOLVE_VALIDATE_SAMPLE_PATH_H_
#define OSEVOLVE_VALIDATE_SAMPLE_PATH_H_

#include <cstdint>
#include <vector>

#include "workload/draw.h"
#include "workload/srpt.h"
#include "workload/workload.h"

namespace ose {

// The requests of one group of an open-loop workload, which are one `run` each, before the horizon, one after the other.
class RequestSource {
 public:
  RequestSource(const Workload& workload, int group, int cpus, uint64_t seed);
  int64_t next() const { return next_; }  // when it arrives, in ns; INT64_MAX: none
  // Precondition: there is one.
  Job Take();

 private:
  void Advance();

  const int64_t horizon_;
  const int group_;
  const uint64_t seed_;
  ArrivalProcess arrivals_;
  const Sampler sampler_;
  uint64_t number_ = 0;
  int64_t next_ = 0;
};

// All requests of an open-loop workload whose groups run one `run` each, before the horizon, in order of
// arrival; of several groups, those of one instant in no particular order.
std::vector<Job> ArrivingJobs(const Workload& workload, int cpus, uint64_t seed);

// Control variates: number, work and squared work of the requests that arrive in the measured window,
// each as its relative deviation from its expectation, which is known exactly. Same precondition. For Poisson
// arrivals of one group also how much they cluster: the products of the work of all pairs of requests, weighted by
// exp(-gap / T) for the times T in `memories`, whose expectation follows from Campbell's formula.
std::vector<double> ArrivalControls(const Workload& workload, int cpus, uint64_t seed, const std::vector<Nanos>& memories = {});

// Mean response, in ns, of jobs on `servers` servers, first come, first served, over those released at or
// after `from`: the recursion of J. Kiefer and J. Wolfowitz (On the theory of queues with many servers,
// Transactions of the AMS 78, 1955), for one server that of D. Lindley (1952).
double FcfsMeanResponse(const std::vector<Job>& jobs, int servers, int64_t from);

}  // namespace ose

#endif  // OSEVOLVE_VALIDATE_SAMPLE_PATH_H_
