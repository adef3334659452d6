// Evolution: searches for a better policy.
//
//   seed policies -> [ pick parent -> vary -> evaluate -> archive ]* -> ranked candidates
//
// Proposals are numbered. Proposal i is made from the archives as they stand when the results of
// all proposals up to i - kLag are in, and results are taken in the order of their numbers: up to
// kLag evaluations run at once, yet the log is the same for any number of workers. Its random
// stream depends on the run's seed and i alone, so a killed run goes on from its database: what
// was evaluated is read back, what was only proposed is evaluated, and nothing is repeated.
//
// With language models (EvolutionOptions::models) a proposal gets its number when its source is there,
// so slow replies hold nobody up, and the log depends on when they come; a resumed run replays them.
//
// Threads: Run is called once, from one thread.
#ifndef OSEVOLVE_EVOLVE_EVOLUTION_H_
#define OSEVOLVE_EVOLVE_EVOLUTION_H_

#include <atomic>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/time.h"
#include "eval/evaluator.h"
#include "evolve/archive.h"
#include "evolve/model_search.h"
#include "mutate/mutator.h"
#include "store/run_db.h"

namespace ose {

// A policy that the search starts from.
struct SeedPolicy {
  std::string name, source;
};

struct EvolutionOptions {
  // Behaviour: the same values give the same run.
  uint64_t seed = 1;
  int64_t max_evaluations = 600;   // proposals evaluated, seed policies included; 0 = no limit
  int islands = 2;
  int archive_size = 24;           // per island
  int migration_interval = 64;     // proposals between copies of an island's best to the next one
  int quick_seeds = 2;
  std::vector<uint64_t> search_seeds;
  std::optional<ModelSearchOptions> models;  // language models that propose beside the operators
  // Limits: they decide when it ends, never what it does before.
  Nanos time_budget = Nanos::Max();
  const std::atomic<bool>* stop = nullptr;  // set to end cleanly with the best so far
};

struct EvolutionProgress {
  int64_t generation = 0, evaluations = 0, failures = 0, duplicates = 0;
  double per_second = 0, best_score = 0, gain_pct = 0;  // over the first seed policy
  int64_t model_calls = 0, model_candidates = 0;
  int calls_in_flight = 0;
  double usd = 0;
  Nanos elapsed{0}, left = Nanos::Max();
};

struct RankedCandidate {
  int64_t id = 0;
  int64_t root = 0;
  std::string name;   // of a seed policy; "" for an evolved one
  std::string source, op;
  std::string author;  // "operators", or the models of its lineage: "openai:gpt-5, operators"
  double score = 0;
};

struct EvolutionResult {
  int64_t evaluations = 0, compile_failures = 0, failures = 0;
  int64_t duplicates = 0;  // that behave like an earlier one: same object code and tunables
  int64_t resumed = 0;  // evaluations read back from the database
  bool interrupted = false;
  ModelSearch::Totals models;
  std::vector<Bandit::Arm> arms;  // what operators and models brought; empty without models
  std::vector<RankedCandidate> ranking;  // distinct behaviours, best first, across all islands
};

class Evolution {
 public:
  static constexpr int kLag = 8;

  // Borrows all four; `seeds[0]` is the policy that gains are measured against.
  Evolution(EvolutionOptions options, std::vector<SeedPolicy> seeds, Evaluator& evaluator, Mutator& mutator, RunDb& db);

  std::function<void(const EvolutionProgress&)> on_progress;
  // One line per result, in order, free of clocks: the run's log.
  std::function<void(const std::string& line)> on_commit;

  // Errors: the first seed policy fails, or the database cannot be written.
  Result<EvolutionResult> Run();

  // After Run, with models: one prompt of each kind for the best policy, as a model would get it.
  Result<std::vector<PromptInput>> SamplePrompts();

 private:
  struct InFlight {
    Proposal proposal;
    bool stored = false;  // read back from the database, with `result`
    Evaluation result;
    std::future<Evaluation> future;
    Nanos started{0};
  };
  struct Parent {
    int64_t root;
    std::string source;
    std::set<std::string> authors;
  };

  Status LoadStored();
  bool MayPropose() const;
  // False when there is nothing to propose before a model replies.
  Result<bool> Propose();
  Result<Proposal> Vary(int64_t id, int island, const std::string* op);
  Status Launch(Proposal proposal);
  Status CommitFront();
  Status Commit(InFlight& f, const Evaluation& e);
  Status Migrate(int64_t id);
  void Report();

  const EvolutionOptions options_;
  const std::vector<SeedPolicy> seeds_;
  Evaluator& evaluator_;
  Mutator& mutator_;
  RunDb& db_;
  std::vector<Archive> islands_;
  std::unique_ptr<ModelSearch> models_;
  bool models_end_ = false;
  std::deque<InFlight> in_flight_;
  std::map<int64_t, StoredCandidate> stored_;  // of an earlier, killed process
  std::map<int64_t, Parent> parents_;          // every success with a full score, by proposal
  std::set<std::string> behaviours_;           // of result_.ranking
  std::set<std::string> proposed_;             // sources, so that none is evaluated twice
  int64_t next_id_ = 0, committed_ = 0, event_ = 0;
  double first_score_ = 0, best_score_ = 0;
  Nanos start_{0};
  EvolutionResult result_;
};

}  // namespace ose

#endif  // OSEVOLVE_EVOLVE_EVOLUTION_H_
