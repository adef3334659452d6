#include "evolve/manual_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>

#include "base/time.h"
#include "core/exit_code.h"
#include "core/policy_source.h"

namespace ose {
namespace {

constexpr int kQuickSeeds = 2;  // what Member::quick_score is the mean of, as in a search

Evaluation FromStored(const StoredCandidate& c) {
  Evaluation e;
  e.outcome = *c.outcome;
  e.diagnosis = c.diagnosis;
  e.object_hash = c.object_hash;
  for (const StoredSeed& s : c.seeds) e.seeds.push_back(s.result);
  return e;
}

// Sources are read when they are asked for: most are never shown.
std::function<const std::string*(int64_t)> SourcesIn(RunDb& db) {
  return [&db, known = std::map<int64_t, std::string>()](int64_t id) mutable -> const std::string* {
    if (auto it = known.find(id); it != known.end()) return &it->second;
    Result<StoredCandidate> c = db.LoadCandidate(id);
    if (!c.ok() || c->outcome != Outcome::kOk) return nullptr;
    return &known.emplace(id, std::move(c->proposal.source)).first->second;
  };
}

// One that the host failed on counts as not evaluated yet.
bool IsPending(const StoredCandidate& c) { return !c.outcome || *c.outcome == Outcome::kInternal; }

}  // namespace

ManualRun::ManualRun(ManualRunOptions options, std::vector<SeedPolicy> seeds, Evaluator& evaluator, RunDb& db)
    : options_(std::move(options)), seeds_(std::move(seeds)), evaluator_(evaluator), db_(db), archive_(options_.archive_size),
      memory_({.facts = options_.facts, .seed = options_.seed, .search_seeds = options_.search_seeds}, evaluator, db, SourcesIn(db)) {}

EvalJob ManualRun::Job(const Proposal& proposal, const std::string& parent_source) const {
  EvalJob job{.source = proposal.source, .file = fmt::format("candidate-{}.cc", proposal.id), .seeds = options_.search_seeds, .skeleton_of = {}};
  if (proposal.op == "seed") job.file = proposal.note + ".cc";
  else job.skeleton_of = parent_source;
  return job;
}

Status ManualRun::Open(const std::atomic<bool>* stop, const std::function<void(int done, int total)>& on_progress) {
  std::deque<StoredCandidate> all;
  OSE_TRY(db_.ForEachCandidate(RunDb::With::kScores, [&](StoredCandidate c) {
    all.push_back(std::move(c));
    return true;
  }));
  for (size_t i = all.size(); i < seeds_.size(); ++i) {
    StoredCandidate c;
    c.proposal.id = static_cast<int64_t>(i);
    c.proposal.op = "seed";
    c.proposal.note = seeds_[i].name;
    c.proposal.source = seeds_[i].source;
    OSE_TRY(db_.AppendProposal(c.proposal));
    all.push_back(std::move(c));
  }
  // As many at once as there are workers; results are taken in order.
  struct Running {
    std::future<Evaluation> future;
    Nanos started;
  };
  std::deque<Running> running;
  size_t next = 0;
  const int total = static_cast<int>(std::count_if(all.begin(), all.end(), IsPending));
  int done = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    for (; next < all.size() && static_cast<int>(running.size()) < evaluator_.options().jobs; ++next) {
      if (!IsPending(all[next])) continue;
      std::string parent_source;
      if (!all[next].proposal.parents.empty()) {
        OSE_ASSIGN(StoredCandidate parent, db_.LoadCandidate(all[next].proposal.parents[0]));
        parent_source = parent.proposal.source;
      }
      running.push_back({evaluator_.Submit(Job(all[next].proposal, parent_source)), MonotonicNow()});
    }
    const Proposal& p = all[i].proposal;
    next_id_ = std::max(next_id_, p.id + 1);
    if (!IsPending(all[i])) {
      ++result_.resumed;
      Commit(p, FromStored(all[i]), nullptr);
      continue;
    }
    if (on_progress) on_progress(done, total);
    Running r = std::move(running.front());
    running.pop_front();
    do {
      if (stop && *stop) return Error{kExitInterrupted, "cancelled; what was evaluated is kept"};
    } while (r.future.wait_for(std::chrono::milliseconds(50)) != std::future_status::ready);
    const Evaluation e = r.future.get();
    OSE_TRY(Save(p.id, e, MonotonicNow() - r.started));
    if (p.id == 0 && e.outcome != Outcome::kOk) return Error{evaluator_.ExitCode(e), e.diagnosis};
    Commit(p, e, nullptr);
    ++done;
  }
  if (archive_.empty()) return Error{kExitFailure, "no policy of this run works on its workload: there is nothing to start from"};
  return {};
}

Status ManualRun::Save(int64_t id, const Evaluation& e, Nanos took) {
  const int code = evaluator_.ExitCode(e);
  if (e.outcome == Outcome::kInternal && code == kExitIo) return Error{code, e.diagnosis};
  return db_.SaveEvaluation(id, e, Stage::kFull, took);
}

void ManualRun::Commit(const Proposal& p, const Evaluation& e, Verdict* verdict) {
  if (!p.parents.empty()) archive_.CountChild(p.parents[0]);
  ++result_.evaluations;
  Known& known = known_[p.id];
  known.outcome = e.outcome;
  const auto parent = p.parents.empty() ? known_.end() : known_.find(p.parents[0]);
  known.root = parent == known_.end() ? p.id : parent->second.root;
  if (e.outcome == Outcome::kCompile) ++result_.compile_failures;
  known.full = e.outcome == Outcome::kOk && e.seeds.size() >= options_.search_seeds.size();
  memory_.OnCommit(p, e, known.full);
  if (e.outcome != Outcome::kOk) {
    ++result_.failures;
    return;
  }
  if (!known.full) return;  // stopped at a search's quick stage
  Member m;
  m.id = p.id;
  m.root = known.root;
  m.source = p.source;
  m.behaviour = BehaviourKey(e.object_hash, p.source);
  m.score = e.MeanScore();
  const size_t quick = std::min<size_t>(kQuickSeeds, e.seeds.size());
  for (size_t i = 0; i < quick; ++i) m.quick_score += e.seeds[i].score / static_cast<double>(quick);
  const auto [first, is_new] = behaviours_.emplace(m.behaviour, p.id);
  if (!is_new) {
    ++result_.duplicates;
  } else {
    result_.ranking.push_back({.id = p.id, .root = m.root, .name = p.op == "seed" ? p.note : "", .source = m.source, .op = p.op, .author = "", .score = m.score});
  }
  const bool inserted = archive_.Insert(m);
  if (!verdict) return;
  if (!is_new) verdict->same_as = first->second;
  verdict->archived = inserted;
  verdict->best = archive_.best().id == p.id;
}

Status ManualRun::CheckParent(int64_t id) const {
  auto it = known_.find(id);
  if (it == known_.end()) return Error{kExitNotFound, fmt::format("no candidate {} in this run; it has 0 to {}", id, next_id_ - 1)};
  if (it->second.outcome != Outcome::kOk)
    return Error{kExitUsage, fmt::format("candidate {} failed ({}) and cannot be a parent; choose one that has a score", id, OutcomeName(it->second.outcome))};
  if (!it->second.full)
    return Error{kExitUsage, fmt::format("candidate {} was given up after the first seeds and cannot be a parent; choose one with a full score", id)};
  return {};
}

Result<Verdict> ManualRun::Submit(int64_t parent, const std::string& source, const std::string& op, const std::string& note) {
  OSE_TRY(CheckParent(parent));
  OSE_ASSIGN(StoredCandidate stored, db_.LoadCandidate(parent));
  Proposal p;
  p.id = next_id_;
  p.parents = {parent};
  p.op = op;
  p.note = note;
  p.source = source;
  OSE_TRY(db_.AppendProposal(p));
  ++next_id_;
  const Nanos start = MonotonicNow();
  Verdict verdict;
  verdict.id = p.id;
  verdict.parent = FromStored(stored);
  verdict.evaluation = evaluator_.Evaluate(Job(p, stored.proposal.source));
  OSE_TRY(Save(p.id, verdict.evaluation, MonotonicNow() - start));
  if (verdict.evaluation.outcome == Outcome::kInternal)
    return Error{evaluator_.ExitCode(verdict.evaluation), fmt::format("candidate {} could not be evaluated: {}", p.id, verdict.evaluation.diagnosis)};
  Commit(p, verdict.evaluation, &verdict);
  if (verdict.evaluation.outcome == Outcome::kOk) verdict.gain = PairedGainPct(verdict.parent.Scores(), verdict.evaluation.Scores());
  return verdict;
}

int64_t ManualRun::PickParent() {
  Rng rng = Rng::Stream(options_.seed, 0x6d616e75616cULL, picks_++ + static_cast<uint64_t>(next_id_));
  return ose::PickParent(ParentRule::kPowerLaw, archive_.members(), rng).id;
}

Result<PromptInput> ManualRun::MakePrompt(PromptTask task, int64_t parent) {
  OSE_TRY(CheckParent(parent));
  OSE_ASSIGN(std::vector<RunNote> notes, db_.LoadNotes());
  memory_.set_notes(notes.empty() ? "" : notes.back().text);
  OSE_ASSIGN(PromptInput in, memory_.MakePrompt(task, "", parent, {&archive_, 1}, static_cast<uint64_t>(next_id_)));
  if (task == PromptTask::kCrossover && in.inspirations.empty())
    return Error{kExitUsage, "a crossover needs two candidates that work, and the run has one: ask for another task"};
  if (task == PromptTask::kTunables) {
    const auto tunables = ParseTunables(in.parent.source);
    if (!tunables.ok() || tunables->empty()) return Error{kExitUsage, fmt::format("candidate {} has no tunables: ask for another task", parent)};
  }
  if (auto profile = memory_.ProfileOf(parent)) in.profile = profile();
  return in;
}

EvolutionResult ManualRun::Summarize() const {
  EvolutionResult r = result_;
  std::sort(r.ranking.begin(), r.ranking.end(), [](const RankedCandidate& a, const RankedCandidate& b) {
    return a.score != b.score ? a.score > b.score : a.id < b.id;
  });
  return r;
}

}  // namespace ose
