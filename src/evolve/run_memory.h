// RunMemory: what a run has tried, as the next proposer is told it. It turns a parent into a PromptInput
// (llm/prompt.h), the same for language models and for those who come in through MCP.
//
// Threads: all methods from one thread; what ProfileOf returns may be called from any.
#ifndef OSEVOLVE_EVOLVE_RUN_MEMORY_H_
#define OSEVOLVE_EVOLVE_RUN_MEMORY_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "core/schedule_profile.h"
#include "eval/evaluator.h"
#include "evolve/archive.h"
#include "llm/prompt.h"
#include "store/run_db.h"

namespace ose {

// The operator of candidates that came in through MCP, and the author of what they became.
inline constexpr char kMcpOp[] = "mcp";

// Whether a language model of the run made it: operator "model/edit", ...
inline bool MadeByModel(const Proposal& p) { return p.op.starts_with("model/"); }

// What stays the same in all prompts of a run: parts of PromptInput.
struct RunFacts {
  std::string api, workload, machine, workload_file;
};

struct RunMemoryOptions {
  RunFacts facts;
  uint64_t seed = 1;                   // of what is drawn
  std::vector<uint64_t> search_seeds;  // the first is that of profiles
};

class RunMemory {
 public:
  // Borrows `evaluator` and `db`. `source_of` finds the source of a proposal that scored, or null; what it
  // returns stays valid.
  RunMemory(RunMemoryOptions options, Evaluator& evaluator, RunDb& db, std::function<const std::string*(int64_t)> source_of);

  // Every result, in the order of commits, saved in the database before. `full`: scored on all search seeds.
  void OnCommit(const Proposal& proposal, const Evaluation& evaluation, bool full);
  // A reply without a candidate.
  void OnBadReply(const std::string& what, const std::string& reason);
  void set_notes(std::string notes) { notes_ = std::move(notes); }

  double ScoreOf(int64_t id) const;  // 0 for what failed or is not known

  // What to tell about `parent`, without its profile, which takes a run. `islands`: where inspirations come from;
  // equal `draw`, equal choice.
  Result<PromptInput> MakePrompt(PromptTask task, const std::string& stance, int64_t parent, std::span<const Archive> islands, uint64_t draw);
  // What to tell whoever writes the notes; `best` of the run.
  Result<PromptInput> MakeNotesPrompt(int64_t best);

  // Begins the profile of a proposal's schedule, unless it is known; the function waits for it and returns
  // it as text, "" when there is none. Empty when there is no source.
  std::function<std::string()> ProfileOf(int64_t id);

 private:
  struct Known {
    int64_t parent = -1;
    std::string what;     // "candidate 17, by edit: ..."
    std::string failure;  // "" when it scored
    double score = 0;
    bool authored = false;  // thought of by a model or an MCP client, not drawn by an operator
    bool full = false, seed = false;
    std::vector<int64_t> children;
    std::vector<double> objectives;  // means, in the order of the workload's objectives; see ObjectivesOf
  };

  const std::vector<double>& ObjectivesOf(int64_t id);
  PromptPolicy Policy(int64_t id);
  PromptStep Step(int64_t id, bool diff);
  std::vector<PromptStep> Tried(int64_t parent);
  std::vector<PromptPolicy> Inspirations(int64_t parent, std::span<const Archive> islands, bool crossover, Rng& rng);

  const RunMemoryOptions options_;
  const std::vector<Objective>& objectives_;
  Evaluator& evaluator_;
  RunDb& db_;
  const std::function<const std::string*(int64_t)> source_of_;
  std::map<int64_t, Known> known_;
  std::deque<int64_t> failed_;          // recent failures of what was authored
  std::deque<PromptStep> bad_replies_;  // recent ones
  std::string notes_;
  std::map<int64_t, std::shared_future<Result<ScheduleProfile>>> profiles_;
};

}  // namespace ose

#endif  // OSEVOLVE_EVOLVE_RUN_MEMORY_H_
