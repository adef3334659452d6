// Lower bounds of the total response time of jobs with release times on k identical CPUs, by
// relaxing them to one server as fast as all of them.
#ifndef OSEVOLVE_WORKLOAD_SRPT_H_
#define OSEVOLVE_WORKLOAD_SRPT_H_

#include <cstdint>
#include <span>

namespace ose {

inline constexpr int64_t kNoLimit = int64_t{1} << 52;  // 52 days; times kMaxCpus it is below 2^63

struct Job {
  int64_t release = 0;  // ns
  int64_t work = 0;     // ns of CPU
};

// Sum over jobs of completion - release, in ns, under SRPT (shortest remaining processing time
// first) on one server that does `cpus` ns of work a ns. Nothing on that server, and so nothing on
// `cpus` CPUs, has a smaller sum (Schrage, Operations Research 16(3), 1968).
// Jobs that are not complete at `limit` count up to there; as SRPT has the fewest jobs unfinished at
// every instant, it is still the least. Precondition: sorted by release, all before `limit`;
// cpus >= 1. O(n log n).
double SrptTotalFlow(std::span<const Job> jobs, int cpus, int64_t limit = kNoLimit);

// A second lower bound of the same sum, which knows that a job uses one CPU at a time: the mean
// busy time M_j of a job (the average instant at which its work is done) is at most
// C_j - p_j / 2 on CPUs of unit speed, and the sum of M_j over all schedules of the fast server is
// least when the smallest job goes first, preemptively, by original size (Goemans, Queyranne,
// Schulz, Skutella, Wang, SIAM J. Discrete Math. 15(2), 2002; Schulz and Skutella 2002 for
// parallel machines). So sum C_j >= sum (M_j + p_j / 2). It exceeds SRPT's at high load.
// `longest_busy`, if not null, gets the longest time in ns for which the fast server never rests.
double MeanBusyTotalFlow(std::span<const Job> jobs, int cpus, double* longest_busy = nullptr);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_SRPT_H_
