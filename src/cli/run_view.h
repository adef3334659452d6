// RunView: what a run database holds, as JSON and as text that a model reads: a candidate, a run,
// and a parent with all that one needs to know to improve it (docs/mcp.md).
#ifndef OSEVOLVE_CLI_RUN_VIEW_H_
#define OSEVOLVE_CLI_RUN_VIEW_H_

#include <functional>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "cli/context.h"
#include "cli/run_plan.h"
#include "evolve/archive.h"
#include "evolve/manual_run.h"
#include "llm/prompt.h"
#include "store/run_db.h"

namespace ose {

using BoundsBySeed = std::function<Metrics(uint64_t seed)>;

// One element for each objective of the workload: what was measured, the bound, and, with a
// `parent` that was measured on the same seeds, the gain over it, above 0 when `e` is better.
nlohmann::json ObjectivesJson(const Problem& problem, const BoundsBySeed& bounds, const Evaluation& e, const Evaluation* parent);

// Without source and objectives: id, parent, op, note, outcome, diagnosis, score.
nlohmann::json CandidateHead(const StoredCandidate& candidate);
Evaluation EvaluationOf(const StoredCandidate& candidate);

// Summary, ranking (the `top` best that differ in behaviour), the last failures with their reasons.
Result<nlohmann::json> RunJson(const std::string& run, const Problem& problem, const RunPlan& plan, RunDb& db, int top);

struct ParentView {
  nlohmann::json json;
  std::string text;  // Markdown
};
// The candidate as a parent of the next one, with the `prompt` that a language model would get for it.
Result<ParentView> ViewParent(const std::string& run, const Problem& problem, const BoundsBySeed& bounds, const ManualRun& manual,
                              RunDb& db, int64_t id, const Prompt& prompt);

// What Submit found, for a program and for a model.
ParentView ViewVerdict(const Problem& problem, const BoundsBySeed& bounds, const ManualRun& manual, int64_t parent,
                       const Verdict& verdict);

}  // namespace ose

#endif  // OSEVOLVE_CLI_RUN_VIEW_H_
