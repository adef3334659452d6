// RunPlan: what determines a run. It is kept in the run database, so that a run can be gone on with
// from its folder alone.
#ifndef OSEVOLVE_CLI_RUN_PLAN_H_
#define OSEVOLVE_CLI_RUN_PLAN_H_

#include <CLI/App.hpp>
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

// How a run searches; names as evolve/population.h, parents.h and evolution.h know them.
struct SearchPlan {
  int window = 8;                // proposals in flight
  int islands = 2;
  int archive_size = 32;         // per island
  int migration_interval = 64;   // proposals
  int migrants = 1;
  int restart_after = 200;       // results of an island without a better one
  std::string topology = "ring", parents = "mixed", strategy = "evolve";
};

struct RunPlan {
  std::string workload_text, machine_text;
  uint64_t seed = 1;
  int64_t evals = 0;
  double seconds = 0;
  SearchPlan search;
  std::string incumbent;  // name of the seed policy that is the current veteran, or ""
  std::vector<SeedPolicy> seeds;
  ModelFlags models;      // no --llm: the built-in operators alone
};

// What of it the user may choose.
struct PlanOptions {
  uint64_t seed = 1;
  int64_t evals = 0;   // neither evals nor seconds: 600 evaluations, at most 90 s, with models 30 min
  double seconds = 0;
  SearchPlan search;
  std::string from;  // policy to start from and to measure gains against; "" = the veteran, else CFS
  std::string kb;    // knowledge base file, for a `from` of kb:HASH
  ModelFlags models;
};

// The search seeds of a run.
std::vector<uint64_t> SearchSeeds(const Problem& problem, const RunPlan& plan);

// The options of Evolution that follow from a plan, without models and limits of time.
Result<EvolutionOptions> SearchOptions(const Problem& problem, const RunPlan& plan);

// --islands and the others that make a SearchPlan.
void AddSearchFlags(CLI::App& command, SearchPlan* search);

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
