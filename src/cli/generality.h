// Generality: does a winner still win beside its workload?
#ifndef OSEVOLVE_CLI_GENERALITY_H_
#define OSEVOLVE_CLI_GENERALITY_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/context.h"
#include "core/stats.h"
#include "eval/evaluator.h"

namespace ose {

struct NeighbourGain {
  std::string neighbour;  // workload/neighbours.h
  std::string failure;    // of the policy, why there is no gain; "" when there is one
  Interval gain;          // over the baseline, per cent, paired by seed
};

// The gain of `source` over `baseline` on each neighbour of the problem's workload, by its objectives; neighbours on
// which the baseline fails are left out. The search must not have seen them: they are held out. kExitInterrupted.
Result<std::vector<NeighbourGain>> Generality(const Problem& problem, const std::string& source, const std::string& baseline,
                                              const std::vector<uint64_t>& seeds, Evaluator& evaluator, const std::atomic<bool>* stop);

std::string GeneralityText(const std::vector<NeighbourGain>& gains, const std::string& baseline);
nlohmann::json GeneralityJson(const std::vector<NeighbourGain>& gains);

}  // namespace ose

#endif  // OSEVOLVE_CLI_GENERALITY_H_
