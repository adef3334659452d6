// Which member of an archive has the next child. Each rule is known from the field:
//
//   weighted    sigmoid of the score's distance from the median in units of the median absolute deviation,
//               over 1 + children (ShinkaEvolve): scale-free, tires of fertile parents
//   power-law   1 / (1 + rank), over 1 + children
//   tournament  the best of kTournament drawn with equal chances
//   beam        one of the kBeam best, with equal chances
//   novelty     by the mean niche distance to all others, over 1 + children
//   niche       one of the occupied niches with equal chances, its elite (MAP-Elites)
//   mixed       three quarters of the children from the leader, an eighth by power law, the rest by novelty and niche
//
// The leader is the one with the fewest steps behind it among those that are as good as the best but for 1 %. A third of all steps change
// nothing that the workload reaches, and others gain a thousandth: they would take the lead one after the other, each with
// more text that does nothing, or stands in the way of the step that makes a leap.
//
// Why so many from the leader: in 31 runs of 100 to 250 evaluations on the shipped workloads a child of the leader was a new
// best by 3 % and more in 0.8 % of the tries, one of the next 15 by score in 0.3 %, and of those behind them in none of 1,400.
#ifndef OSEVOLVE_EVOLVE_PARENTS_H_
#define OSEVOLVE_EVOLVE_PARENTS_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "evolve/archive.h"

namespace ose {

enum class ParentRule { kWeighted, kPowerLaw, kTournament, kBeam, kNovelty, kNiche, kMixed };

inline constexpr int kTournament = 3;
inline constexpr size_t kBeam = 4;
inline constexpr double kAsGood = 0.99;

const std::vector<std::string>& ParentRuleNames();  // in the order of the enum
Result<ParentRule> ParseParentRule(std::string_view name);  // kExitUsage

// Preconditions: members not empty, best first.
const Member& PickParent(ParentRule rule, const std::vector<Member>& members, Rng& rng);

// Precondition: members not empty, best first.
const Member& Leader(const std::vector<Member>& members);

// The weights that the rule draws with; exposed for tests. Not for tournament and mixed.
std::vector<double> ParentWeights(ParentRule rule, const std::vector<Member>& members);

}  // namespace ose

#endif  // OSEVOLVE_EVOLVE_PARENTS_H_
