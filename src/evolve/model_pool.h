// ModelPool: calls of language models that run beside the search.
//
//   Start(request) -> [thread: profile -> prompt -> reserve -> call -> patch -> one repair call] -> Take()
//
// Every call ends as one ModelResult: a candidate, or a named reason why there is none. What a call costs
// is reserved in the ledger before it is sent and is in the run database before and after, so that a
// killed run has not forgotten what it spent. The pool takes no part in decisions: which parent, model
// and kind of request are the loop's business (evolve/evolution.h).
//
// Threads: all methods from one thread. Calls run on threads of the pool; the destructor cancels and
// joins them.
#ifndef OSEVOLVE_EVOLVE_MODEL_POOL_H_
#define OSEVOLVE_EVOLVE_MODEL_POOL_H_

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/time.h"
#include "llm/chat.h"
#include "llm/ledger.h"
#include "llm/prompt.h"
#include "store/run_db.h"

namespace ose {

// A model as the run may use it.
struct ModelArm {
  std::string name;      // "openai:gpt-5,effort=low": of the bandit's arm, the log and the database
  std::string provider, model;
  std::shared_ptr<ChatModel> chat;
  std::optional<Price> price;  // nullopt: unknown; counts as nothing, so the command line refuses it with a limit in dollars
  std::optional<double> temperature;
  std::string effort;
  int64_t max_output_tokens = 16'000;
  int64_t window = 128'000;
  int concurrency = 4;
};

struct ModelRequest {
  int arm = 0;
  PromptInput prompt;
  std::string stance_arm;  // names of the arms that were picked, for the record
  int64_t parent = 0;      // proposal that the child descends from
  int64_t repairs = -1;    // the failed proposal that this repairs
  int island = 0;
  // Fills prompt.profile on the pool's thread; may be empty.
  std::function<std::string()> profile;
};

struct ModelResult {
  int arm = 0;
  PromptTask task = PromptTask::kEdit;
  std::string stance_arm;
  int64_t parent = 0, repairs = -1;
  int island = 0;
  int64_t call = -1;         // of the database; -1: it was never sent
  bool ok = false;
  std::string source, note;  // of the candidate; for kNotes the note is the text
  std::string reason;        // why there is none
  CallFailure failure = CallFailure::kNone;
  bool over_budget = false;  // nothing was sent, because a limit might be broken
  int calls = 0;             // sent for this result: 1, with a repair 2
  double usd = 0, seconds = 0;
};

class ModelPool {
 public:
  // Borrows `templates`, `ledger` and `db`. `first_call` is the number of the next call in the database.
  ModelPool(std::vector<ModelArm> arms, const PromptTemplates& templates, Ledger& ledger, RunDb& db, int64_t first_call);
  ~ModelPool();

  const std::vector<ModelArm>& arms() const { return arms_; }
  int in_flight() const { return in_flight_; }
  bool HasRoom(int arm) const;
  // The next call in the database has at least this number.
  void SkipTo(int64_t call) { next_call_ = std::max(next_call_.load(), call); }
  // Precondition: HasRoom(request.arm).
  void Start(ModelRequest request);
  // A finished call, if there is one within `timeout`.
  std::optional<ModelResult> Take(Nanos timeout);
  // Calls in flight end soon, as cancelled.
  void Cancel() { cancel_ = true; }

 private:
  ModelResult Run(ModelRequest request);
  void RunCall(ModelRequest& request, ModelResult* result);

  const std::vector<ModelArm> arms_;
  const PromptTemplates& templates_;
  Ledger& ledger_;
  RunDb& db_;
  std::atomic<int64_t> next_call_;
  std::atomic<bool> cancel_{false};
  int in_flight_ = 0;                  // started and not taken
  std::vector<int> arm_in_flight_;
  std::vector<std::thread> threads_;   // joined when their result was taken, or at the end

  std::mutex mutex_;  // guards `done_`
  std::condition_variable wake_;
  std::deque<ModelResult> done_;
};

}  // namespace ose

#endif  // OSEVOLVE_EVOLVE_MODEL_POOL_H_
