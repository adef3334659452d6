// Niche: what kind of schedule a policy makes, so that unlike ones need not compete.
//
// MAP-Elites (Mouret and Clune, "Illuminating search spaces by mapping elites", 2015) on behaviour,
// not on code. The axes are measured by every run and say how a policy works rather than how well:
//   switches    context switches per second         (preempts or runs to completion)
//   migrations  migrations per second               (keeps tasks at home or moves them)
//   tail        latency_p99, else start_p95, else wakeup_p99: whom it lets wait
// An axis is cut into bins of a factor of four, from a mean over the seeds; zero and a metric that the
// workload lacks have bins of their own.
#ifndef OSEVOLVE_EVOLVE_NICHE_H_
#define OSEVOLVE_EVOLVE_NICHE_H_

#include <array>
#include <vector>

#include "core/candidate.h"
#include "core/score.h"

namespace ose {

// Bins of switches, migrations, tail.
using Niche = std::array<int, 3>;

Niche NicheOf(const std::vector<SeedResult>& seeds);
// Sum over the axes of the bins between; at most kFarthest an axis.
inline constexpr int kFarthest = 8;
int NicheDistance(const Niche& a, const Niche& b);

// The logarithm of each objective's mean over the seeds, its sign such that less is better; empty when one
// is missing or not positive.
std::vector<double> LogObjectives(const std::vector<Objective>& objectives, const std::vector<SeedResult>& seeds);

}  // namespace ose

#endif  // OSEVOLVE_EVOLVE_NICHE_H_
