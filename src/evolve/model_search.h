// ModelSearch: the part of a search that language models play. It decides whose turn it is (an operator
// or a model), what a model is told, and what is learnt from what comes back.
//
//   NextTurn() -> kOperator: the loop varies a parent with the operator of PickedOp()
//              -> kReply:    TakeProposal() is a model's child
//              -> kWait:     a model was picked, and all its places are taken
//
// Picks are made by three bandits (evolve/bandit.h) that share one reward: over built-in operators and
// models together, over kinds of request, and over prompt variants. Reward of a proposal: 1 for a new
// best of the run, 0.4 for beating its parent, 0 otherwise and for whatever fails. Cost: seconds that it
// kept a place busy, and dollars at kSecondsPerDollar. So a cheap operator is used while it still
// finds something, and a dear model when it does not.
//
// A run with models is not reproducible from its seed, because replies are not; it is resumable, because
// replies are in the database.
//
// Threads: all methods from one thread.
#ifndef OSEVOLVE_EVOLVE_MODEL_SEARCH_H_
#define OSEVOLVE_EVOLVE_MODEL_SEARCH_H_

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "eval/evaluator.h"
#include "evolve/archive.h"
#include "evolve/bandit.h"
#include "evolve/model_pool.h"
#include "evolve/parents.h"
#include "evolve/run_memory.h"
#include "llm/ledger.h"
#include "llm/prompt.h"
#include "store/run_db.h"

namespace ose {

// What a dollar may cost in seconds of waiting: six dollars an hour.
inline constexpr double kSecondsPerDollar = 600;

struct ModelSearchOptions {
  std::vector<ModelArm> arms;
  std::shared_ptr<const PromptTemplates> templates;
  std::shared_ptr<Ledger> ledger;
  RunFacts facts;
  // Share of proposals that models make; negative: as the bandit decides, each side at least kLeastShare.
  double share = -1;
  int notes_interval = 12;  // proposals of models between notes; 0: none
  uint64_t seed = 1;
  std::vector<uint64_t> search_seeds;
};
inline constexpr double kLeastShare = 0.15;

class ModelSearch {
 public:
  // Borrows `evaluator` and `db`. `source_of` finds the source of a proposal that scored, or null.
  ModelSearch(ModelSearchOptions options, std::vector<std::string> ops, Evaluator& evaluator, RunDb& db,
              std::function<const std::string*(int64_t)> source_of);

  // One line for the run's log: calls that gave no candidate, models that are given up, notes.
  std::function<void(const std::string&)> on_event;

  // What an earlier process of this run did. Call it before its proposals are replayed.
  Status Restore();

  enum class Turn { kOperator, kReply, kWait, kNone };
  // `room`: evaluations that may still be proposed, so that no call is paid for in vain. kNone: models
  // were to make all proposals, and none can any more.
  Turn NextTurn(const std::vector<Archive>& islands, int64_t room);
  const std::string& PickedOp() const { return bandit_.name(picked_); }
  Proposal TakeProposal(int64_t id);

  // Every result, in the order of commits, those that are replayed included. `reward`: for the bandits.
  void OnCommit(const Proposal& proposal, const Evaluation& evaluation, bool full, double reward, Nanos took);

  // Blocks until a call ends, at most `timeout`.
  void Wait(Nanos timeout);
  int in_flight() const { return pool_.in_flight(); }
  void Cancel() { pool_.Cancel(); }

  struct Totals {
    int64_t calls = 0, candidates = 0, unusable = 0;  // unusable: replies without a candidate
    double usd = 0;
  };
  const Totals& totals() const { return totals_; }
  // Per arm of the three bandits: plays, mean reward, mean cost; for the report.
  const Bandit& bandit() const { return bandit_; }
  const Bandit& tasks() const { return tasks_; }
  const Bandit& stances() const { return stances_; }

  // The prompt that a model would get now for this parent: for NextTurn, the dry run and tests.
  Result<PromptInput> MakePrompt(PromptTask task, const std::string& stance, int64_t parent, const std::vector<Archive>& islands) {
    return memory_.MakePrompt(task, stance, parent, islands, draws_);
  }
  // The profile of a proposal's schedule, as text; "" when there is none. Blocks.
  std::string Profile(int64_t id) {
    std::function<std::string()> f = memory_.ProfileOf(id);
    return f ? f() : "";
  }

 private:
  // What made a proposal: arms of the bandits and what it has cost.
  struct Origin {
    int arm = -1, task = -1, stance = -1;
    double cost = 0;
    bool live = false;  // the bandits count it as in flight
  };

  bool ModelsUsable() const;
  bool ArmUsable(int model) const { return !given_up_[static_cast<size_t>(model)]; }
  int Decide();
  void StartCall(int model, const std::vector<Archive>& islands);
  bool StartRepair(int model, const std::vector<Archive>& islands);
  void StartNotes(int model, const std::vector<Archive>& islands);
  void Collect(ModelResult result);
  void GiveUp(int model, const std::string& why);
  void Settle(const Origin& origin, double reward, double extra_cost);
  Origin OriginOf(const ModelResult& r, bool live) const;
  void Event(const std::string& line);

  const ModelSearchOptions options_;
  RunDb& db_;
  RunMemory memory_;
  Bandit bandit_, tasks_, stances_;
  int first_model_ = 0;   // of bandit_: models follow the operators
  int picked_ = -1;
  bool decided_ = false;
  int64_t model_turns_ = 0, op_turns_ = 0;
  std::vector<bool> given_up_;
  std::vector<int> failures_in_a_row_, unusable_in_a_row_;
  ModelPool pool_;        // after what its threads use
  std::deque<ModelResult> ready_;
  struct Repair {
    int64_t proposal = 0, parent = 0;
    int island = 0;
    std::string source, reason;
  };
  std::deque<Repair> repairs_;
  std::map<int64_t, Origin> origins_;   // by proposal
  int64_t note_sequence_ = 0, since_notes_ = 0, last_commit_ = 0;
  bool notes_wanted_ = false;
  bool stop_said_ = false;
  uint64_t draws_ = 0;
  Totals totals_;
};

}  // namespace ose

#endif  // OSEVOLVE_EVOLVE_MODEL_SEARCH_H_
