// RunPlan: what determines a run. It is kept in the run database, so that a run can be gone on with
// from its folder alone.
#ifndef OSEVOLVE_CLI_RUN_PLAN_H_
#define OSEVOLVE_CLI_RUN_PLAN_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/context.h"
#include "cli/knowledge.h"
#include "cli/models.h"
#include "evolve/evolution.h"

namespace ose {

struct RunPlan {
  std::string workload_text, machine_text;
  uint64_t seed = 1;
  int64_t evals = 0;
  double seconds = 0;
  int islands = 2;
  std::string incumbent;  // name of the seed policy that is the current veteran, or ""
  std::vector<SeedPolicy> seeds;
  ModelFlags models;      // no --llm: the built-in operators alone
};

// What of it the user may choose.
struct PlanOptions {
  uint64_t seed = 1;
  int64_t evals = 0;   // neither evals nor seconds: 600 evaluations, at most 90 s, with models 30 min
  double seconds = 0;
  int islands = 2;
  std::string from;  // policy to start from and to measure gains against; "" = the veteran, else CFS
  std::string kb;    // knowledge base file, for a `from` of kb:HASH
  ModelFlags models;
};

nlohmann::json PlanJson(const RunPlan& plan);
// kExitDatabase when `text` is no plan; `db_path` names it.
Result<RunPlan> PlanFromJson(const std::string& text, const std::string& db_path);

// The first seed policy is the one that gains are measured against: `from`, else the veteran of
// this workload, else CFS. `knowledge` may be null.
Result<RunPlan> MakePlan(const Context& context, const Problem& problem, const PlanOptions& options, Knowledge* knowledge);

// runs/NAME-N, the first that does not exist.
std::string FreshOut(const std::string& name);

}  // namespace ose

#endif  // OSEVOLVE_CLI_RUN_PLAN_H_
