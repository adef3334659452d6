// Evolution: searches for a better policy.
//
//   seed policies -> [ pick parent -> vary -> evaluate -> population ]* -> ranked candidates
//
// Proposals are numbered. Proposal i is made from the population as it stands when the results of
// all proposals up to i - window are in, and results are taken in the order of their numbers: up to
// `window` evaluations run at once, yet the log is the same for any number of workers. Its random
// stream depends on the run's seed and i alone, so a killed run goes on from its database: what
// was evaluated is read back, what was only proposed is evaluated, and nothing is repeated.
//
// Luck: a score is a mean over few seeds, and the best of many scores flatters. Whoever leads an island, and has most of
// its children, is soon run on further search seeds, at the cost of one evaluation, and takes the place that it then
// deserves; now and then so is the next best. Its score becomes the mean over all
// its seeds, rescaled by what the first seed policy scored on the old ones over what it scored on all, so that
// easier seeds are no merit. Children inherit the correction: who had no second look yet shall not lead its parent by the
// luck that both had on the same seeds. The rest is done after the search (prove/proof.h).
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
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "eval/evaluator.h"
#include "evolve/bandit.h"
#include "evolve/model_search.h"
#include "evolve/population.h"
#include "evolve/ranking.h"
#include "evolve/tuner.h"
#include "mutate/mutator.h"
#include "store/run_db.h"

namespace ose {

// A policy that the search starts from.
struct SeedPolicy {
  std::string name, source;
};

// What searches: the engine, or what it has to beat at the same number of evaluations.
enum class Strategy {
  kEvolve,     // all of the above
  kRandom,     // a random walk: any parent that works, any operator
  kBestOfN,    // every child is one step from the best seed policy
  kTunables,   // CMA-ES on the tunables of the best seed policies, and nothing else
};
const std::vector<std::string>& StrategyNames();
Result<Strategy> ParseStrategy(std::string_view name);  // kExitUsage

struct EvolutionOptions {
  // Behaviour: the same values give the same run.
  uint64_t seed = 1;
  int64_t max_evaluations = 600;   // proposals evaluated, seed policies included; 0 = no limit
  Strategy strategy = Strategy::kEvolve;
  int window = 8;                  // proposals in flight; a wider one knows less when it chooses, but keeps a cluster busy
  PopulationOptions population;    // its seed is taken from `seed`
  int quick_seeds = 2;
  std::vector<uint64_t> search_seeds;
  std::vector<uint64_t> recheck_seeds;  // further ones, for the second look; none: no second look
  // Proposals of an island: after so many the leader has a second look, if it had none, and after so many the next best of a
  // few that had none.
  int recheck_leader_interval = 2, recheck_interval = 24;
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

struct EvolutionResult {
  int64_t evaluations = 0, compile_failures = 0, failures = 0;
  int64_t duplicates = 0;  // that behave like an earlier one: same object code and tunables
  int64_t redrawn = 0;     // not evaluated, since an earlier one has the same tokens
  int64_t rechecked = 0;   // evaluations that were second looks
  int64_t restarts = 0;    // of islands
  int64_t resumed = 0;     // evaluations read back from the database
  bool interrupted = false;
  ModelSearch::Totals models;
  std::vector<Bandit::Arm> arms;  // what operators and models brought
  std::vector<RankedCandidate> ranking;  // distinct behaviours, best first, across all islands; the best kRankingSize
  std::vector<ParetoEntry> front;        // of several objectives
};

class Evolution {
 public:
  static constexpr size_t kRankingSize = 256;

  // Borrows all four; `seeds[0]` is the policy that gains are measured against.
  Evolution(EvolutionOptions options, std::vector<SeedPolicy> seeds, Evaluator& evaluator, Mutator& mutator, RunDb& db);

  std::function<void(const EvolutionProgress&)> on_progress;
  // One line per result, in order, free of clocks: the run's log.
  std::function<void(const std::string& line)> on_commit;
  // After each result: its number and the best score of the run so far.
  std::function<void(int64_t id, double best)> on_best;

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
  // A success with a full score.
  struct Known {
    int64_t root;
    int depth;
    std::string source;
    std::set<std::string> authors;
    double score, mean;  // the latter on the search seeds
    std::vector<double> seed_scores;
  };

  Status LoadStored();
  bool MayPropose() const;
  // False when there is nothing to propose before a result or a reply is in.
  Result<bool> Propose();
  Result<std::optional<Proposal>> Vary(int64_t id, int island, const std::string* op);
  std::optional<Proposal> Recheck(int64_t id, int island);
  const std::string* PickOp(const std::set<std::string>& failed, Rng& rng) const;
  int64_t PickParent(int island, Rng& rng) const;
  Status Launch(Proposal proposal);
  Status CommitFront();
  // On the search seeds, less the luck that its parent is known to have had there.
  double ScoreOf(const Proposal& p, const Evaluation& e) const;
  double Reward(const Proposal& p, const Evaluation& e) const;
  Status Commit(const InFlight& f, const Evaluation& e, double reward);
  void CommitMember(const Proposal& p, const Evaluation& e, const std::string& behaviour);
  void CommitRecheck(const Proposal& p, const Evaluation& e);
  std::set<std::string> AuthorsOf(const Proposal& p) const;
  bool Full(const Evaluation& e) const { return e.outcome == Outcome::kOk && e.seeds.size() >= options_.search_seeds.size(); }
  double Best() const { return ranking_.empty() ? 0 : ranking_.best().score; }
  void Report();

  const EvolutionOptions options_;
  const std::vector<SeedPolicy> seeds_;
  Evaluator& evaluator_;
  Mutator& mutator_;
  RunDb& db_;
  Population population_;
  Tuner tuner_;
  Bandit ops_;                 // built-in operators, when no model takes part
  std::vector<std::string> op_names_;
  std::unique_ptr<ModelSearch> models_;
  bool models_end_ = false;
  std::deque<InFlight> in_flight_;
  std::map<int64_t, StoredCandidate> stored_;  // of an earlier, killed process
  int64_t stored_end_ = 0;
  std::map<int64_t, Known> known_;             // by proposal
  std::vector<int64_t> walk_;                  // their numbers
  std::set<std::string> behaviours_;           // of all successes
  std::set<std::string> ranked_;               // of those with a full score
  std::set<std::pair<int64_t, std::vector<double>>> schedules_;  // root and seed scores of those
  std::set<std::string> proposed_;             // hashes of canonical sources, so that none is evaluated twice
  std::set<int64_t> rechecked_;
  Ranking ranking_{kRankingSize};
  int64_t next_id_ = 0, committed_ = 0, event_ = 0;
  uint64_t seed_events_ = 0;                   // the most that a seed policy takes to simulate on a seed
  double first_score_ = 0, ease_ = 1;          // first seed policy: score on the old seeds over that on all
  Nanos start_{0};
  EvolutionResult result_;
};

}  // namespace ose

#endif  // OSEVOLVE_EVOLVE_EVOLUTION_H_
