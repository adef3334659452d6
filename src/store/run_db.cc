#include "store/run_db.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <mutex>

#include "base/hash.h"
#include "core/exit_code.h"
#include "store/db.h"
#include "store/json_text.h"
#include "store/run_lock.h"

namespace ose {
namespace {

constexpr std::array kStageNames = {"quick", "full", "select", "final"};

std::optional<Stage> ParseStage(std::string_view name) {
  for (size_t i = 0; i < kStageNames.size(); ++i)
    if (name == kStageNames[i]) return static_cast<Stage>(i);
  return std::nullopt;
}

constexpr const char* kSelectCandidates =
    "SELECT c.id, c.parents, c.op, c.note, c.source, s.text, c.tunables, c.island, c.generation, c.outcome, c.stage, "
    "c.diagnosis, c.object_hash FROM candidate c CROSS JOIN source s ON s.hash = c.source "
    "WHERE c.id BETWEEN ? AND ? ORDER BY c.id";
constexpr const char* kSelectScores =
    "SELECT candidate, stage, mean, seeds FROM score WHERE candidate BETWEEN ? AND ? ORDER BY candidate";
constexpr const char* kSelectSeeds =
    "SELECT candidate, stage, position, seed, score FROM evaluation WHERE candidate BETWEEN ? AND ? ORDER BY candidate";
constexpr const char* kSelectSeedsAndMetrics =
    "SELECT candidate, stage, position, seed, score, metrics FROM evaluation WHERE candidate BETWEEN ? AND ? "
    "ORDER BY candidate";

}  // namespace

const char* StageName(Stage stage) { return kStageNames[static_cast<size_t>(stage)]; }

struct RunDb::Impl {
  std::optional<RunLock> lock;  // outlives the connection
  std::unique_ptr<Db> db;
  std::mutex mutex;
  bool writable = false;

  ~Impl() {
    if (writable && db) db->LeaveWal();
  }

  Error Damaged(int64_t candidate, const char* column) const {
    return {kExitDatabase, db->path() + ": candidate " + std::to_string(candidate) + " has an unreadable " + column +
                               ": " + std::string(RunSchema().when_damaged)};
  }
  Error Diverged(const std::string& what) const {
    return {kExitInternal, db->path() + ": " + what +
                               " differs from what this run recorded earlier: the run was resumed with other inputs or "
                               "another version of OS-Evolve, or something is not deterministic; start it with another --out"};
  }

  // The next three run inside Db::Try: they throw what SQLite throws.
  Status ReadCandidate(Db::Stmt& row, StoredCandidate& c);
  Status ReadSeed(Db::Stmt& row, With with, StoredCandidate& c);
  Status Visit(With with, int64_t first, int64_t last, const std::function<bool(StoredCandidate)>& visit);
  Result<StoredCandidate> Load(With with, int64_t id);

  Result<std::optional<JsonPair>> LoadPair(const char* sql, const std::string* name);
  Status CheckSameProposal(const Proposal& proposal, const std::string& source_hash);
  Status SaveSeeds(int64_t candidate, const Evaluation& evaluation, Stage stage);
  Status SaveOutcome(int64_t candidate, const Evaluation& evaluation, Stage stage, Nanos took);
};

RunDb::RunDb(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RunDb::RunDb(RunDb&&) noexcept = default;
RunDb& RunDb::operator=(RunDb&&) noexcept = default;
RunDb::~RunDb() = default;

Result<RunDb> RunDb::Open(const std::string& path, OpenMode mode) {
  auto impl = std::make_unique<Impl>();
  if (mode == OpenMode::kResume) {
    // Before the lock, so that a mistyped path leaves no lock file behind.
    OSE_TRY(Db::CheckExists(path, RunSchema()));
  }
  if (mode != OpenMode::kReadOnly) {
    OSE_ASSIGN(RunLock lock, RunLock::Acquire(path));
    impl->lock.emplace(std::move(lock));
  }
  OSE_ASSIGN(impl->db, Db::Open(path, RunSchema(), mode));
  impl->writable = mode != OpenMode::kReadOnly;
  Db& db = *impl->db;
  if (mode == OpenMode::kCreate && db.found_version() > 0) {
    OSE_TRY(db.Try([&]() -> Status {
      if (db.sqlite().execAndGet("SELECT (SELECT count(*) FROM config) + (SELECT count(*) FROM candidate)").getInt64() == 0)
        return {};  // killed before it began
      return Error{kExitUsage, path + " already holds a run: add --resume to go on with it, or use another --out"};
    }));
  }
  return RunDb(std::move(impl));
}

// --- Config, results, events -------------------------------------------------------------------

Result<std::optional<JsonPair>> RunDb::Impl::LoadPair(const char* sql, const std::string* name) {
  return db->Try([&]() -> Result<std::optional<JsonPair>> {
    auto row = db->Prepare(sql);
    if (name) row->bind(1, *name);
    if (!row->executeStep()) return std::optional<JsonPair>();
    return std::optional<JsonPair>({row->getColumn(0).getString(), row->getColumn(1).getString()});
  });
}

Status RunDb::SaveConfig(const JsonPair& config) {
  std::lock_guard hold(impl_->mutex);
  Db& db = *impl_->db;
  return db.Write([&]() -> Status {
    auto put = db.Prepare("INSERT INTO config VALUES (1, ?, ?, " OSE_NOW_WALL ") ON CONFLICT DO NOTHING");
    put->bind(1, config.json);
    put->bind(2, config.json_wall);
    if (put->exec() == 1) return {};
    auto get = db.Prepare("SELECT json FROM config");
    if (get->executeStep() && get->getColumn(0).getString() == config.json) return {};
    return impl_->Diverged("the configuration");
  });
}

Result<std::optional<JsonPair>> RunDb::LoadConfig() {
  std::lock_guard hold(impl_->mutex);
  return impl_->LoadPair("SELECT json, json_wall FROM config", nullptr);
}

Status RunDb::SaveResult(const std::string& name, const JsonPair& result) {
  std::lock_guard hold(impl_->mutex);
  Db& db = *impl_->db;
  return db.Write([&]() -> Status {
    auto put = db.Prepare(
        "INSERT INTO result VALUES (?, ?, ?, " OSE_NOW_WALL ") ON CONFLICT(name) DO UPDATE SET json = excluded.json, "
        "json_wall = excluded.json_wall, saved_wall = excluded.saved_wall");
    put->bind(1, name);
    put->bind(2, result.json);
    put->bind(3, result.json_wall);
    put->exec();
    return {};
  });
}

Result<std::optional<JsonPair>> RunDb::LoadResult(const std::string& name) {
  std::lock_guard hold(impl_->mutex);
  return impl_->LoadPair("SELECT json, json_wall FROM result WHERE name = ?", &name);
}

Status RunDb::SaveEvent(const Event& event) {
  std::lock_guard hold(impl_->mutex);
  Db& db = *impl_->db;
  return db.Write([&]() -> Status {
    auto put = db.Prepare("INSERT INTO event VALUES (?, ?, ?, " OSE_NOW_WALL ") ON CONFLICT DO NOTHING");
    put->bind(1, event.sequence);
    put->bind(2, event.kind);
    put->bind(3, event.json);
    if (put->exec() == 1) return {};
    auto get = db.Prepare("SELECT kind, json FROM event WHERE sequence = ?");
    get->bind(1, event.sequence);
    if (get->executeStep() && get->getColumn(0).getString() == event.kind && get->getColumn(1).getString() == event.json)
      return {};
    return impl_->Diverged("event " + std::to_string(event.sequence));
  });
}

Result<std::vector<RunDb::Event>> RunDb::LoadEvents() {
  std::lock_guard hold(impl_->mutex);
  Db& db = *impl_->db;
  return db.Try([&]() -> Result<std::vector<Event>> {
    std::vector<Event> events;
    auto row = db.Prepare("SELECT sequence, kind, json FROM event ORDER BY sequence");
    while (row->executeStep())
      events.push_back({row->getColumn(0).getInt64(), row->getColumn(1).getString(), row->getColumn(2).getString()});
    return events;
  });
}

// --- Calls of models (model_call.cc) -----------------------------------------------------------

Status RunDb::BeginModelCall(const ModelCall& call) {
  std::lock_guard hold(impl_->mutex);
  return InsertModelCall(*impl_->db, call);
}
Status RunDb::FinishModelCall(const ModelCall& call) {
  std::lock_guard hold(impl_->mutex);
  return UpdateModelCall(*impl_->db, call);
}
Status RunDb::LinkModelCall(int64_t call, int64_t proposal) {
  std::lock_guard hold(impl_->mutex);
  return SetModelCallProposal(*impl_->db, call, proposal);
}
Result<std::vector<ModelCall>> RunDb::LoadModelCalls(bool with_texts) {
  std::lock_guard hold(impl_->mutex);
  return SelectModelCalls(*impl_->db, with_texts);
}
Result<ModelTotals> RunDb::ModelTotalsSpent() {
  std::lock_guard hold(impl_->mutex);
  return SumModelCalls(*impl_->db);
}
Status RunDb::SaveNote(const RunNote& note) {
  std::lock_guard hold(impl_->mutex);
  return InsertNote(*impl_->db, note);
}
Result<std::vector<RunNote>> RunDb::LoadNotes() {
  std::lock_guard hold(impl_->mutex);
  return SelectNotes(*impl_->db);
}

// --- Candidates: writing -----------------------------------------------------------------------

Status RunDb::Impl::CheckSameProposal(const Proposal& p, const std::string& source_hash) {
  auto get = db->Prepare(
      "SELECT parents = ? AND op = ? AND note = ? AND source = ? AND tunables = ? AND island = ? AND generation = ? "
      "FROM candidate WHERE id = ?");
  get->bind(1, ToJson(p.parents));
  get->bind(2, p.op);
  get->bind(3, p.note);
  get->bind(4, source_hash);
  get->bind(5, ToJson(p.tunables));
  get->bind(6, p.island);
  get->bind(7, p.generation);
  get->bind(8, p.id);
  if (get->executeStep() && get->getColumn(0).getInt() == 1) return {};
  return Diverged("proposal " + std::to_string(p.id));
}

Status RunDb::AppendProposal(const Proposal& p) {
  std::string source_hash = Sha256Hex(p.source);
  std::lock_guard hold(impl_->mutex);
  Db& db = *impl_->db;
  return db.Write([&]() -> Status {
    auto source = db.Prepare("INSERT INTO source VALUES (?, ?) ON CONFLICT DO NOTHING");
    source->bind(1, source_hash);
    source->bind(2, p.source);
    source->exec();
    auto put = db.Prepare(
        "INSERT INTO candidate(id, parents, op, note, source, tunables, island, generation, proposed_wall) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, " OSE_NOW_WALL ") ON CONFLICT(id) DO NOTHING");
    put->bind(1, p.id);
    put->bind(2, ToJson(p.parents));
    put->bind(3, p.op);
    put->bind(4, p.note);
    put->bind(5, source_hash);
    put->bind(6, ToJson(p.tunables));
    put->bind(7, p.island);
    put->bind(8, p.generation);
    if (put->exec() == 1) return {};
    return impl_->CheckSameProposal(p, source_hash);
  });
}

Status RunDb::Impl::SaveSeeds(int64_t candidate, const Evaluation& evaluation, Stage stage) {
  int64_t position = 0;
  {
    auto count = db->Prepare("SELECT count(*) FROM evaluation WHERE candidate = ?");
    count->bind(1, candidate);
    if (count->executeStep()) position = count->getColumn(0).getInt64();
  }
  for (const SeedResult& s : evaluation.seeds) {
    std::string name = "candidate " + std::to_string(candidate) + " on seed " + std::to_string(s.seed);
    if (!std::isfinite(s.score)) return Error{kExitInternal, "a bug in OS-Evolve: the score of " + name + " is not finite"};
    std::string metrics = ToJson(s.metrics);
    auto put = db->Prepare("INSERT INTO evaluation VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT(candidate, seed) DO NOTHING");
    put->bind(1, candidate);
    put->bind(2, static_cast<int64_t>(s.seed));
    put->bind(3, StageName(stage));
    put->bind(4, position);
    put->bind(5, s.score);
    put->bind(6, metrics);
    if (put->exec() == 1) {
      ++position;
      continue;
    }
    auto get = db->Prepare("SELECT score, metrics FROM evaluation WHERE candidate = ? AND seed = ?");
    get->bind(1, candidate);
    get->bind(2, static_cast<int64_t>(s.seed));
    bool same = get->executeStep() && get->getColumn(0).getDouble() == s.score &&
                // A resumed loop may have loaded the scores without the metrics.
                (s.metrics.empty() || get->getColumn(1).getString() == metrics);
    if (!same) return Diverged("the evaluation of " + name);
  }
  return {};
}

Status RunDb::Impl::SaveOutcome(int64_t candidate, const Evaluation& evaluation, Stage stage, Nanos took) {
  {
    auto get = db->Prepare("SELECT outcome, stage, object_hash FROM candidate WHERE id = ?");
    get->bind(1, candidate);
    if (!get->executeStep())
      return Error{kExitInternal, "a bug in OS-Evolve: candidate " + std::to_string(candidate) + " was evaluated before it was stored in " + db->path()};
    if (!get->getColumn(0).isNull()) {
      std::optional<Outcome> outcome = OutcomeFromName(get->getColumn(0).getString());
      std::optional<Stage> known = ParseStage(get->getColumn(1).getString());
      if (!outcome || !known) return Damaged(candidate, "outcome");
      if (*known > stage) return {};  // a replay of what a later stage has replaced
      if (*known == stage && *outcome != Outcome::kInternal) {
        if (*outcome == evaluation.outcome && get->getColumn(2).getString() == evaluation.object_hash) return {};
        return Diverged("the outcome of candidate " + std::to_string(candidate));
      }
    }
  }
  auto put = db->Prepare(
      "UPDATE candidate SET outcome = ?, stage = ?, diagnosis = ?, object_hash = ?, evaluated_wall = " OSE_NOW_WALL
      ", took_ns_wall = took_ns_wall + ? WHERE id = ?");
  put->bind(1, OutcomeName(evaluation.outcome));
  put->bind(2, StageName(stage));
  put->bind(3, evaluation.diagnosis);
  put->bind(4, evaluation.object_hash);
  put->bind(5, took.v);
  put->bind(6, candidate);
  put->exec();
  return {};
}

Status RunDb::SaveEvaluation(int64_t candidate, const Evaluation& evaluation, Stage stage, Nanos took) {
  std::lock_guard hold(impl_->mutex);
  Db& db = *impl_->db;
  return db.Write([&]() -> Status {
    OSE_TRY(impl_->SaveOutcome(candidate, evaluation, stage, took));
    OSE_TRY(impl_->SaveSeeds(candidate, evaluation, stage));
    if (evaluation.outcome != Outcome::kOk || evaluation.seeds.empty()) return {};
    double mean = evaluation.MeanScore();
    auto count = static_cast<int64_t>(evaluation.seeds.size());
    auto put = db.Prepare("INSERT INTO score VALUES (?, ?, ?, ?) ON CONFLICT(candidate, stage) DO NOTHING");
    put->bind(1, candidate);
    put->bind(2, StageName(stage));
    put->bind(3, mean);
    put->bind(4, count);
    if (put->exec() == 1) return {};
    auto get = db.Prepare("SELECT mean = ? AND seeds = ? FROM score WHERE candidate = ? AND stage = ?");
    get->bind(1, mean);
    get->bind(2, count);
    get->bind(3, candidate);
    get->bind(4, StageName(stage));
    if (get->executeStep() && get->getColumn(0).getInt() == 1) return {};
    return impl_->Diverged("the score of candidate " + std::to_string(candidate));
  });
}

// --- Candidates: reading -----------------------------------------------------------------------

Status RunDb::Impl::ReadCandidate(Db::Stmt& row, StoredCandidate& c) {
  Proposal& p = c.proposal;
  p.id = row->getColumn(0).getInt64();
  auto parents = ParseIds(row->getColumn(1).getString());
  if (!parents) return Damaged(p.id, "list of parents");
  p.parents = std::move(*parents);
  p.op = row->getColumn(2).getString();
  p.note = row->getColumn(3).getString();
  c.source_hash = row->getColumn(4).getString();
  p.source = row->getColumn(5).getString();
  auto tunables = ParseTunables(row->getColumn(6).getString());
  if (!tunables) return Damaged(p.id, "set of tunables");
  p.tunables = std::move(*tunables);
  p.island = row->getColumn(7).getInt();
  p.generation = row->getColumn(8).getInt64();
  if (!row->getColumn(9).isNull()) {
    c.outcome = OutcomeFromName(row->getColumn(9).getString());
    std::optional<Stage> stage = ParseStage(row->getColumn(10).getString());
    if (!c.outcome || !stage) return Damaged(p.id, "outcome");
    c.outcome_stage = *stage;
  }
  c.diagnosis = row->getColumn(11).getString();
  c.object_hash = row->getColumn(12).getString();
  return {};
}

Status RunDb::Impl::ReadSeed(Db::Stmt& row, With with, StoredCandidate& c) {
  std::optional<Stage> stage = ParseStage(row->getColumn(1).getString());
  auto position = row->getColumn(2).getInt64();
  // Positions count up from 0, but the rows come by seed.
  if (!stage || position < 0 || position > 1'000'000) return Damaged(c.proposal.id, "evaluation");
  if (c.seeds.size() <= static_cast<size_t>(position)) c.seeds.resize(static_cast<size_t>(position) + 1);
  StoredSeed& seed = c.seeds[static_cast<size_t>(position)];
  seed.stage = *stage;
  seed.result.seed = static_cast<uint64_t>(row->getColumn(3).getInt64());
  seed.result.score = row->getColumn(4).getDouble();
  if (with == With::kScores) return {};
  auto metrics = ParseMetrics(row->getColumn(5).getString());
  if (!metrics) return Damaged(c.proposal.id, "set of metrics");
  seed.result.metrics = std::move(*metrics);
  return {};
}

Status RunDb::Impl::Visit(With with, int64_t first, int64_t last, const std::function<bool(StoredCandidate)>& visit) {
  // Three cursors in step by candidate id, so that each table is read once, in its own order.
  auto candidate = db->Prepare(kSelectCandidates);
  auto score = db->Prepare(kSelectScores);
  auto seed = db->Prepare(with == With::kMetrics ? kSelectSeedsAndMetrics : kSelectSeeds);
  for (Db::Stmt* statement : {&candidate, &score, &seed}) {
    (*statement)->bind(1, first);
    (*statement)->bind(2, last);
  }
  bool more_scores = score->executeStep(), more_seeds = seed->executeStep();
  while (candidate->executeStep()) {
    StoredCandidate c;
    OSE_TRY(ReadCandidate(candidate, c));
    for (; more_scores && score->getColumn(0).getInt64() == c.proposal.id; more_scores = score->executeStep()) {
      std::optional<Stage> stage = ParseStage(score->getColumn(1).getString());
      if (!stage) return Damaged(c.proposal.id, "score");
      c.scores[static_cast<size_t>(*stage)] = StageScore{score->getColumn(2).getDouble(), score->getColumn(3).getInt()};
    }
    for (; more_seeds && seed->getColumn(0).getInt64() == c.proposal.id; more_seeds = seed->executeStep())
      OSE_TRY(ReadSeed(seed, with, c));
    if (!visit(std::move(c))) break;
  }
  return {};
}

Result<StoredCandidate> RunDb::Impl::Load(With with, int64_t id) {
  std::optional<StoredCandidate> found;
  OSE_TRY(Visit(with, id, id, [&](StoredCandidate c) {
    found = std::move(c);
    return true;
  }));
  if (!found) return Error{kExitNotFound, "no candidate " + std::to_string(id) + " in " + db->path()};
  return std::move(*found);
}

Status RunDb::ForEachCandidate(With with, const std::function<bool(StoredCandidate)>& visit) {
  std::lock_guard hold(impl_->mutex);
  return impl_->db->Read([&]() -> Status {
    return impl_->Visit(with, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(), visit);
  });
}

Result<StoredCandidate> RunDb::LoadCandidate(int64_t id) {
  std::lock_guard hold(impl_->mutex);
  return impl_->db->Read([&]() { return impl_->Load(With::kMetrics, id); });
}

Result<std::vector<StoredCandidate>> RunDb::BestCandidates(Stage stage, int n) {
  std::lock_guard hold(impl_->mutex);
  Db& db = *impl_->db;
  return db.Read([&]() -> Result<std::vector<StoredCandidate>> {
    std::vector<int64_t> ids;
    {
      // A candidate that failed at a later stage is not good, whatever it scored before.
      auto row = db.Prepare(
          "SELECT s.candidate FROM score s CROSS JOIN candidate c ON c.id = s.candidate "
          "WHERE s.stage = ? AND c.outcome = 'ok' ORDER BY s.mean DESC, s.candidate LIMIT ?");
      row->bind(1, StageName(stage));
      row->bind(2, std::max(n, 0));
      while (row->executeStep()) ids.push_back(row->getColumn(0).getInt64());
    }
    std::vector<StoredCandidate> best;
    for (int64_t id : ids) {
      OSE_ASSIGN(StoredCandidate c, impl_->Load(With::kScores, id));
      best.push_back(std::move(c));
    }
    return best;
  });
}

Result<RunDb::Counts> RunDb::Count() {
  std::lock_guard hold(impl_->mutex);
  Db& db = *impl_->db;
  return db.Read([&]() -> Result<Counts> {
    auto row = db.Prepare(
        "SELECT count(*), count(outcome), count(*) FILTER (WHERE outcome <> 'ok'), "
        "count(*) FILTER (WHERE outcome = 'compile'), (SELECT count(*) FROM evaluation), (SELECT count(*) FROM event) "
        "FROM candidate");
    row->executeStep();
    return Counts{row->getColumn(0).getInt64(), row->getColumn(1).getInt64(), row->getColumn(2).getInt64(),
                  row->getColumn(3).getInt64(), row->getColumn(4).getInt64(), row->getColumn(5).getInt64()};
  });
}

Status RunDb::Dump(const std::function<void(std::string_view line)>& line) {
  std::lock_guard hold(impl_->mutex);
  return impl_->db->Dump(line);
}

}  // namespace ose
