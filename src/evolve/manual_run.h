// ManualRun: a run whose candidates come from outside, one at a time: from a person or from a tool
// that speaks MCP. Parents are offered from one archive of all that was evaluated.
//
//   seed policies -> archive -> [ parent -> (somebody) -> Submit: evaluate -> archive ]*
//
// Everything is in the run database before the next step, in the form that Evolution writes, so a
// ManualRun goes on with any run, killed ones too, and `evolve --resume` with a ManualRun's.
//
// Threads: one at a time.
#ifndef OSEVOLVE_EVOLVE_MANUAL_RUN_H_
#define OSEVOLVE_EVOLVE_MANUAL_RUN_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/stats.h"
#include "eval/evaluator.h"
#include "evolve/archive.h"
#include "evolve/evolution.h"
#include "evolve/run_memory.h"
#include "store/run_db.h"

namespace ose {

struct ManualRunOptions {
  uint64_t seed = 1;
  std::vector<uint64_t> search_seeds;
  int archive_size = 24;
  RunFacts facts{};  // for prompts
};

// What Submit found out.
struct Verdict {
  int64_t id = 0;
  Evaluation evaluation, parent;
  std::optional<Interval> gain;    // over the parent, per cent, paired by seed; of a success
  std::optional<int64_t> same_as;  // the older candidate with the same object code and tunables
  bool archived = false;           // it may be picked as a parent
  bool best = false;               // nothing in the run is better
};

class ManualRun {
 public:
  // Borrows evaluator and database. `seeds` as in the run's plan.
  ManualRun(ManualRunOptions options, std::vector<SeedPolicy> seeds, Evaluator& evaluator, RunDb& db);

  // Reads back what the database holds and evaluates what has no result yet: in a new run the seed
  // policies, after a kill what was cut off. Call it once, first. kExitInterrupted when stopped
  // between two candidates; what was done is kept, and a new ManualRun goes on from there.
  // `on_progress` is called before each of `total` candidates.
  Status Open(const std::atomic<bool>* stop, const std::function<void(int done, int total)>& on_progress);

  // Evaluates a source on all search seeds and records it, whatever comes out. Errors, with nothing
  // recorded: no such parent, or one that has no full score. An outcome of kInternal is returned as
  // an error, too: the host failed, and Open will evaluate the candidate again.
  Result<Verdict> Submit(int64_t parent, const std::string& source, const std::string& op, const std::string& note);

  // A parent: the better, the more often, as in a search. Precondition: Open succeeded.
  int64_t PickParent();
  int64_t best() const { return archive_.best().id; }
  const Archive& archive() const { return archive_; }
  // Whether a candidate can be a parent: kExitNotFound, or kExitUsage with the reason why not.
  Status CheckParent(int64_t id) const;

  // What a language model would be told about a parent, profile and notes included. Blocks for one run.
  // kExitUsage when the task is not possible: a crossover without a second candidate, tunables without any.
  Result<PromptInput> MakePrompt(PromptTask task, int64_t parent);

  EvolutionResult Summarize() const;

 private:
  struct Known {
    int64_t root = 0;
    Outcome outcome = Outcome::kOk;
    bool full = false;  // scored on all search seeds
  };

  EvalJob Job(const Proposal& proposal, const std::string& parent_source) const;
  Status Save(int64_t id, const Evaluation& evaluation, Nanos took);
  void Commit(const Proposal& proposal, const Evaluation& evaluation, Verdict* verdict);

  const ManualRunOptions options_;
  const std::vector<SeedPolicy> seeds_;
  Evaluator& evaluator_;
  RunDb& db_;
  Archive archive_;
  RunMemory memory_;
  std::map<int64_t, Known> known_;
  std::map<std::string, int64_t> behaviours_;  // the first candidate that behaves so
  int64_t next_id_ = 0;
  uint64_t picks_ = 0;
  EvolutionResult result_;
};

}  // namespace ose

#endif  // OSEVOLVE_EVOLVE_MANUAL_RUN_H_
