// RunDb: the record of one evolution run in OUT/run.db (docs/schema.md), so that a run can be
// killed at any moment and resumed without losing or repeating an evaluation.
//
// The evolve loop writes it and the report reads it:
//   SaveConfig once; then per proposal AppendProposal (before it is evaluated) and SaveEvaluation
//   once per stage; SaveEvent for what the loop decides; SaveResult at the end.
// After a kill, OpenMode::kResume and ForEachCandidate give back all that was acknowledged: a
// candidate without an outcome, or without a score for a stage, is what is still to be run.
//
// Durability: each Save is one transaction; once it has returned, the row survives the death of
// the process (kill -9). A loss of power may take the last transactions, never the consistency;
// the loop then evaluates those candidates again, with the same result.
//
// Determinism: rows are named by the caller (candidate and event numbers), never by time or
// arrival. Everything that depends on the clock or the host sits in columns named *_wall; Dump()
// leaves them out, and two runs with the same seed and budget dump the same bytes. Saving a row
// again with the same content changes nothing, so a resumed loop may replay its decisions; saving
// other content under the same name is kExitInternal: the run no longer follows its own record.
//
// Ownership: one writer per run. kCreate and kResume hold a lock (run.db.lock) until destruction;
// another process is refused at once with kExitDatabaseBusy and told the pid. kReadOnly takes no
// lock and may read while a run is written.
// Threads: any method from any thread, one at a time inside. Not to be used across fork().
// Errors: kExitNotFound (nothing to resume), kExitUsage (kCreate over a run), kExitDatabase
// (damaged, not a run), kExitDatabaseNewer, kExitDatabaseBusy, kExitIo (disk full, read-only),
// kExitInternal (above). What a failed Save was to store is there whole or not at all.
#ifndef OSEVOLVE_STORE_RUN_DB_H_
#define OSEVOLVE_STORE_RUN_DB_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "core/candidate.h"
#include "store/model_call.h"
#include "store/open_mode.h"

namespace ose {

// Where an evaluation stands in the cascade. A candidate has at most one score per stage.
enum class Stage : uint8_t { kQuick, kFull, kSelect, kFinal };
const char* StageName(Stage stage);

// What the loop knows before it evaluates: the proposal.
struct Proposal {
  int64_t id = 0;  // the proposal's number, unique in the run, given by the loop
  std::vector<int64_t> parents = {};
  std::string op = {};    // operator that made it: "seed", "swap-statements", ...
  std::string note = {};  // what it did, in words
  std::string source = {};
  Tunables tunables = {};
  int island = 0;
  int64_t generation = 0;
};

struct StageScore {
  double mean = 0;
  int seeds = 0;
};

// One seed of a candidate, as it was stored.
struct StoredSeed {
  SeedResult result;
  Stage stage = Stage::kQuick;  // the stage that first ran it
};

// A candidate as it was stored.
struct StoredCandidate {
  Proposal proposal;
  std::string source_hash;  // SHA-256 of the source
  std::optional<Outcome> outcome;  // empty: proposed, not evaluated yet
  Stage outcome_stage = Stage::kQuick;  // the last stage saved; where it failed, if it failed
  std::string diagnosis;
  std::string object_hash;
  std::optional<StageScore> scores[4];  // by Stage
  // In the order in which they were evaluated, so that sums come out the same to the last bit.
  std::vector<StoredSeed> seeds;
};

// JSON texts. `json` is a function of the inputs and the seed alone; what depends on the clock or
// the host (start time, seconds, absolute paths, host name) goes to `json_wall`.
struct JsonPair {
  std::string json = "{}";
  std::string json_wall = "{}";
};

class RunDb {
 public:
  static constexpr int kSchemaVersion = 2;

  // kCreate makes the file (its folder must exist) and refuses one that already holds a run.
  // kResume checks the file for damage and brings an older schema up to date.
  static Result<RunDb> Open(const std::string& path, OpenMode mode);
  RunDb(RunDb&&) noexcept;
  RunDb& operator=(RunDb&&) noexcept;
  ~RunDb();

  // The run's inputs: workload text, machine text, seed, budgets, versions.
  Status SaveConfig(const JsonPair& config);
  // Empty when the run was killed before SaveConfig.
  Result<std::optional<JsonPair>> LoadConfig();

  Status AppendProposal(const Proposal& proposal);

  // `evaluation.seeds` holds every seed that the stage's score is the mean of; those that an
  // earlier stage stored are not stored twice. The stage gets a score only when the outcome is
  // kOk. `took` goes to a *_wall column. The candidate must have been appended. An outcome of
  // kInternal, where the host failed and not the candidate, may be replaced by a later save.
  Status SaveEvaluation(int64_t candidate, const Evaluation& evaluation, Stage stage, Nanos took = {});

  enum class With { kScores, kMetrics };
  // Calls `visit` for each candidate by ascending id until it returns false. With::kScores leaves
  // StoredSeed.result.metrics empty, which is several times faster. `visit` must not call
  // this object.
  Status ForEachCandidate(With with, const std::function<bool(StoredCandidate)>& visit);
  // One candidate with its metrics; kExitNotFound when there is none.
  Result<StoredCandidate> LoadCandidate(int64_t id);
  // The n best by mean score of `stage`, the older first among equals; without metrics.
  Result<std::vector<StoredCandidate>> BestCandidates(Stage stage, int n);
  struct Counts {
    int64_t candidates = 0;
    int64_t evaluated = 0;  // with an outcome
    int64_t failed = 0;     // with an outcome other than kOk
    int64_t compile_failures = 0;
    int64_t seeds = 0;
    int64_t events = 0;
  };
  Result<Counts> Count();

  // Promotions, migrations, restarts. `sequence` is the loop's own count.
  struct Event {
    int64_t sequence = 0;
    std::string kind = {};
    std::string json = {};
  };
  Status SaveEvent(const Event& event);
  Result<std::vector<Event>> LoadEvents();

  // Calls of language models. BeginModelCall before a request is sent, with the most that it may use in
  // usd, input and output: should the process die, that is what it has spent. FinishModelCall replaces
  // all but the texts of the prompt; LinkModelCall names the candidate that came of it.
  Status BeginModelCall(const ModelCall& call);
  Status FinishModelCall(const ModelCall& call);
  Status LinkModelCall(int64_t call, int64_t proposal);
  // By id; without texts, `system`, `user` and `reply` are empty.
  Result<std::vector<ModelCall>> LoadModelCalls(bool with_texts);
  Result<ModelTotals> ModelTotalsSpent();
  Status SaveNote(const RunNote& note);
  Result<std::vector<RunNote>> LoadNotes();

  // Results by name ("final", ...); a later save replaces an earlier one.
  Status SaveResult(const std::string& name, const JsonPair& result);
  Result<std::optional<JsonPair>> LoadResult(const std::string& name);

  // Every row but its *_wall columns as text, one line per row, in an order that depends on the
  // content alone.
  Status Dump(const std::function<void(std::string_view line)>& line);

 private:
  struct Impl;
  explicit RunDb(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ose

#endif  // OSEVOLVE_STORE_RUN_DB_H_
