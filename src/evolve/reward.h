// What a child was worth and what it cost: for the bandits, which choose what makes the next one (evolve/bandit.h).
//
// What a search is for is the product of its gains, so the reward of a new best is the doublings that it brings. Rewards for
// any new best made a search prefer the operators that bring a thousandth at a time, often, to those that bring a
// multiple, rarely. To be better than its parent is no merit: from a poor parent nearly everything is.
#ifndef OSEVOLVE_EVOLVE_REWARD_H_
#define OSEVOLVE_EVOLVE_REWARD_H_

#include "core/candidate.h"

namespace ose {

// In [0, 1]: log2(score / best) for a new best of the run, at most 1, and 1 when there was nothing above 0; kGoodReward
// for a place among the first of its island (`good`) by a schedule of its own; else 0.
inline constexpr double kGoodReward = 0.01;
double RewardOf(double score, double best, bool good);

// The time that an evaluation takes, in units of a full one, by how far it came; `full`: on all search seeds; `duplicate`:
// compiled, and its results were known. Not measured, since what a bandit picks must not depend on a clock: from timings of
// the stages on the shipped workloads (docs/performance.md).
double CostOf(const Evaluation& e, bool full, bool duplicate);

}  // namespace ose

#endif  // OSEVOLVE_EVOLVE_REWARD_H_
