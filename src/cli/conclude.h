// Conclude: everything after the search. It proves the winner on unseen seeds, makes it as simple as
// it can be, writes the files of the run's folder (best.cc, best.diff, metrics.json) and archives
// what was learned in the knowledge base.
#ifndef OSEVOLVE_CLI_CONCLUDE_H_
#define OSEVOLVE_CLI_CONCLUDE_H_

#include <atomic>
#include <functional>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "cli/context.h"
#include "cli/knowledge.h"
#include "cli/run_plan.h"
#include "eval/evaluator.h"
#include "evolve/evolution.h"
#include "store/run_db.h"

namespace ose {

struct ConcludeOptions {
  std::string out;          // folder of the run
  std::string go_on;        // how the user goes on with an unfinished run, for messages
  std::string not_archived; // why `knowledge` is null, for the summary
  Nanos started{0};         // of the command, MonotonicNow()
  const std::atomic<bool>* stop = nullptr;        // when set, take the winner as it is and prove it all the same
  const std::atomic<bool>* stop_proof = nullptr;  // when set, end with kExitInterrupted
  std::function<void(const std::string& text, bool force)> on_progress;
  std::function<void()> on_proven;  // before anything is written
};

struct Conclusion {
  nlohmann::json result;  // of docs/json.md, "osevolve evolve"
  std::string summary;    // the same for people
};

// `knowledge` may be null.
Result<Conclusion> Conclude(const ConcludeOptions& options, const Problem& problem, const RunPlan& plan,
                            const EvolutionResult& search, Evaluator& evaluator, RunDb& db, Knowledge* knowledge);

}  // namespace ose

#endif  // OSEVOLVE_CLI_CONCLUDE_H_
