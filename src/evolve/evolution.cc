#include "evolve/evolution.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "core/exit_code.h"

namespace ose {
namespace {

constexpr int kTriesPerProposal = 12;
constexpr int kGeneration = 32;  // proposals, for the progress line

double MeanOfFirst(const std::vector<SeedResult>& seeds, size_t n) {
  n = std::min(n, seeds.size());
  double sum = 0;
  for (size_t i = 0; i < n; ++i) sum += seeds[i].score;
  return n ? sum / static_cast<double>(n) : 0;
}

}  // namespace

Evolution::Evolution(EvolutionOptions options, std::vector<SeedPolicy> seeds, Evaluator& evaluator, Mutator& mutator,
                     RunDb& db)
    : options_(std::move(options)),
      seeds_(std::move(seeds)),
      evaluator_(evaluator),
      mutator_(mutator),
      db_(db),
      islands_(static_cast<size_t>(options_.islands), Archive(options_.archive_size)) {
  if (!options_.models) return;
  models_ = std::make_unique<ModelSearch>(*options_.models, mutator_.ops(), evaluator_, db_, [this](int64_t id) -> const std::string* {
    auto it = parents_.find(id);
    return it != parents_.end() ? &it->second.source : nullptr;
  });
  models_->on_event = [this](const std::string& line) {
    if (on_commit) on_commit(line);
  };
}

Result<EvolutionResult> Evolution::Run() {
  start_ = MonotonicNow();
  OSE_TRY(LoadStored());
  if (models_) OSE_TRY(models_->Restore());
  for (;;) {
    bool may = MayPropose();
    while (may && static_cast<int>(in_flight_.size()) < kLag) {
      OSE_ASSIGN(bool proposed, Propose());
      if (!proposed) break;
      may = MayPropose();
    }
    if (!in_flight_.empty()) {
      OSE_TRY(CommitFront());
      continue;
    }
    if (!may || !models_ || models_end_) break;
    models_->Wait(Nanos::Millis(200));
    Report();
  }
  if (models_) {
    // What is still in flight ends soon, and is booked.
    models_->Cancel();
    while (models_->in_flight() > 0) models_->Wait(Nanos::Millis(200));
    result_.models = models_->totals();
    result_.arms = models_->bandit().arms();
  }
  std::sort(result_.ranking.begin(), result_.ranking.end(), [](const RankedCandidate& a, const RankedCandidate& b) {
    return a.score != b.score ? a.score > b.score : a.id < b.id;
  });
  result_.evaluations = committed_;
  result_.interrupted = options_.stop && *options_.stop;
  return std::move(result_);
}

Result<std::vector<PromptInput>> Evolution::SamplePrompts() {
  std::vector<PromptInput> prompts;
  const Archive& archive = islands_[0];
  if (archive.empty()) return prompts;
  for (PromptTask task : {PromptTask::kEdit, PromptTask::kDiff, PromptTask::kRewrite, PromptTask::kCrossover, PromptTask::kTunables, PromptTask::kNotes}) {
    const std::string stance = task == PromptTask::kNotes ? "" : options_.models->templates->stances()[0];
    OSE_ASSIGN(PromptInput input, models_->MakePrompt(task, stance, archive.best().id, islands_));
    input.profile = models_->Profile(archive.best().id);
    prompts.push_back(std::move(input));
  }
  return prompts;
}

Status Evolution::LoadStored() {
  return db_.ForEachCandidate(RunDb::With::kMetrics, [&](StoredCandidate c) {
    stored_.emplace(c.proposal.id, std::move(c));
    return true;
  });
}

bool Evolution::MayPropose() const {
  if (next_id_ < static_cast<int64_t>(seeds_.size())) return true;  // the seed policies always
  if (options_.stop && *options_.stop) return false;
  if (options_.max_evaluations > 0 && next_id_ >= options_.max_evaluations) return false;
  // What the database holds is replayed whatever the clock says: it is paid for.
  if (next_id_ < static_cast<int64_t>(stored_.size())) return true;
  return options_.time_budget == Nanos::Max() || MonotonicNow() - start_ < options_.time_budget;
}

Result<bool> Evolution::Propose() {
  const int64_t id = next_id_;
  // The seed policies must all be in before anything is made from them.
  if (id == static_cast<int64_t>(seeds_.size()))
    while (!in_flight_.empty()) OSE_TRY(CommitFront());

  const int island = static_cast<int>(id % options_.islands);
  if (id < static_cast<int64_t>(seeds_.size())) {
    const SeedPolicy& s = seeds_[static_cast<size_t>(id)];
    Proposal p;
    p.id = id;
    p.op = "seed";
    p.note = s.name;
    p.source = s.source;
    OSE_TRY(Launch(std::move(p)));
    return true;
  }
  // What an earlier process proposed is taken from the database.
  if (auto it = stored_.find(id); it != stored_.end()) {
    OSE_TRY(Launch(it->second.proposal));
    return true;
  }
  const std::string* op = nullptr;
  if (models_) {
    const int64_t room = options_.max_evaluations > 0 ? options_.max_evaluations - id : std::numeric_limits<int64_t>::max();
    switch (models_->NextTurn(islands_, room)) {
      case ModelSearch::Turn::kNone:
        models_end_ = true;
        return false;
      case ModelSearch::Turn::kWait: return false;
      case ModelSearch::Turn::kOperator: op = &models_->PickedOp(); break;
      case ModelSearch::Turn::kReply: {
        Proposal p = models_->TakeProposal(id);
        p.generation = id / kGeneration;
        OSE_TRY(Launch(std::move(p)));
        return true;
      }
    }
  }
  OSE_ASSIGN(Proposal p, Vary(id, island, op));
  OSE_TRY(Launch(std::move(p)));
  return true;
}

// One new policy. A pick of parent and operator that yields nothing new is tried again, from the
// same stream. `wanted` names the operator; null: any.
Result<Proposal> Evolution::Vary(int64_t id, int island, const std::string* wanted) {
  Rng rng = Rng::Stream(options_.seed, 0x65766f6c7665ULL, static_cast<uint64_t>(id));
  const Archive& archive = islands_[static_cast<size_t>(island)];
  if (archive.empty()) return Error{kExitInternal, "no policy works on this workload: nothing to evolve from"};
  const auto& ops = mutator_.ops();
  Proposal p;
  p.id = id;
  p.island = island;
  p.generation = id / kGeneration;
  for (int attempt = 0;; ++attempt) {
    const Member& parent = archive.PickParent(rng);
    // An operator that finds nothing here a few times makes way for any other.
    const std::string& op = wanted && attempt < kTriesPerProposal / 2 ? *wanted : ops[static_cast<size_t>(rng.Below(ops.size()))];
    std::vector<std::string> mates = archive.PickMates(parent, 4, rng);
    Result<Mutation> m = mutator_.Mutate(parent.source, op, mates, rng);
    bool last = attempt + 1 == kTriesPerProposal;
    if (m.ok() && (last || !proposed_.contains(m->source))) {
      p.parents = {parent.id};
      p.op = m->op;
      p.note = m->note;
      p.source = std::move(m->source);
      break;
    }
    if (last) {
      // Nothing new was found: re-evaluating the parent is free (its results are cached).
      p.parents = {parent.id};
      p.op = "none";
      p.note = m.ok() ? "a duplicate" : m.error().message;
      p.source = parent.source;
      break;
    }
  }
  return p;
}

Status Evolution::Launch(Proposal proposal) {
  next_id_ = proposal.id + 1;
  proposed_.insert(proposal.source);
  OSE_TRY(db_.AppendProposal(proposal));
  Archive& island = islands_[static_cast<size_t>(proposal.island)];
  if (!proposal.parents.empty()) island.CountChild(proposal.parents[0]);
  InFlight f;
  f.started = MonotonicNow();
  auto stored = stored_.find(proposal.id);
  if (stored != stored_.end() && stored->second.outcome && *stored->second.outcome != Outcome::kInternal) {
    StoredCandidate& c = stored->second;
    f.stored = true;
    f.result.outcome = *c.outcome;
    f.result.diagnosis = c.diagnosis;
    f.result.object_hash = c.object_hash;
    for (StoredSeed& s : c.seeds) f.result.seeds.push_back(std::move(s.result));
    ++result_.resumed;
  } else {
    EvalJob job{.source = proposal.source, .file = fmt::format("candidate-{}.cc", proposal.id), .seeds = options_.search_seeds, .skeleton_of = {}};
    if (proposal.op == "seed") {
      job.file = proposal.note + ".cc";
    } else {
      // In a run that came from outside, a cut-off proposal may descend from the one right before it.
      while (!parents_.contains(proposal.parents[0]) && !in_flight_.empty()) OSE_TRY(CommitFront());
      job.skeleton_of = parents_.at(proposal.parents[0]).source;
      job.quick_seeds = options_.quick_seeds;
      job.quick_score = island.QuickBar();
    }
    f.future = evaluator_.Submit(std::move(job));
  }
  f.proposal = std::move(proposal);
  in_flight_.push_back(std::move(f));
  return {};
}

Status Evolution::CommitFront() {
  InFlight f = std::move(in_flight_.front());
  in_flight_.pop_front();
  Evaluation e;
  Nanos took{0};
  if (f.stored) {
    e = std::move(f.result);
  } else {
    while (f.future.wait_for(std::chrono::milliseconds(200)) != std::future_status::ready) Report();
    e = f.future.get();
    took = MonotonicNow() - f.started;
    // A full disk is no verdict on the candidate; with room, --resume evaluates it.
    if (const int code = evaluator_.ExitCode(e); e.outcome == Outcome::kInternal && code == kExitIo)
      return Error{code, e.diagnosis + "; what was evaluated is kept: go on with --resume"};
    Stage stage = e.seeds.size() == options_.search_seeds.size() || e.outcome != Outcome::kOk ? Stage::kFull : Stage::kQuick;
    OSE_TRY(db_.SaveEvaluation(f.proposal.id, e, stage, took));
  }
  const double best = best_score_;
  OSE_TRY(Commit(f, e));
  if (models_) models_->OnCommit(f.proposal, e, e.outcome == Outcome::kOk && e.seeds.size() == options_.search_seeds.size(), best, took);
  if (f.proposal.op != "seed" && f.proposal.id % options_.migration_interval == 0) OSE_TRY(Migrate(f.proposal.id));
  Report();
  return {};
}

Status Evolution::Commit(InFlight& f, const Evaluation& e) {
  ++committed_;
  const Proposal& p = f.proposal;
  if (on_commit) {
    std::string verdict = e.outcome != Outcome::kOk                              ? OutcomeName(e.outcome)
                          : e.seeds.size() < options_.search_seeds.size() ? fmt::format("{:.4f} quick", e.MeanScore())
                                                                          : fmt::format("{:.4f}", e.MeanScore());
    on_commit(fmt::format("{} island {} parent {} {} {} {}", p.id, p.island, p.parents.empty() ? -1 : p.parents[0], p.op, verdict, p.note));
  }
  if (e.outcome == Outcome::kCompile) ++result_.compile_failures;
  if (e.outcome != Outcome::kOk) {
    ++result_.failures;
    if (p.id == 0) return Error{evaluator_.ExitCode(e), e.diagnosis};
    return {};
  }
  if (e.seeds.size() < options_.search_seeds.size()) return {};  // stopped at the quick stage
  Member m;
  m.id = p.id;
  m.root = p.parents.empty() ? p.id : parents_.at(p.parents[0]).root;
  m.source = p.source;
  m.behaviour = BehaviourKey(e.object_hash, p.source);
  m.score = e.MeanScore();
  m.quick_score = MeanOfFirst(e.seeds, static_cast<size_t>(options_.quick_seeds));
  if (p.id == 0) first_score_ = m.score;
  best_score_ = std::max(best_score_, m.score);
  std::set<std::string> authors;
  if (p.op != "seed") {
    authors = parents_.at(p.parents[0]).authors;
    // A model's proposal names it: "[openai:gpt-5] shorter quantum".
    const size_t end = p.note.find(']');
    authors.insert(p.op.starts_with("model/") && end != std::string::npos ? p.note.substr(1, end - 1) : "operators");
  }
  const std::string author = fmt::format("{}", fmt::join(authors, ", "));
  parents_.emplace(p.id, Parent{m.root, m.source, std::move(authors)});
  if (!behaviours_.insert(m.behaviour).second) ++result_.duplicates;
  else
    result_.ranking.push_back({.id = p.id, .root = m.root, .name = p.op == "seed" ? p.note : "", .source = m.source, .op = p.op, .author = author, .score = m.score});
  if (p.op == "seed") {
    for (Archive& a : islands_) a.Insert(m);
  } else {
    islands_[static_cast<size_t>(p.island)].Insert(m);
  }
  return {};
}

// A ring: each island's best is copied to the next.
Status Evolution::Migrate(int64_t id) {
  std::vector<Member> best;
  for (Archive& a : islands_) {
    if (a.empty()) return {};
    best.push_back(a.best());
  }
  for (size_t i = 0; i < islands_.size(); ++i) {
    Member m = best[i];
    m.children = 0;
    islands_[(i + 1) % islands_.size()].Insert(std::move(m));
  }
  // Sequence numbers are the loop's own, so that a resumed run writes the same rows again.
  return db_.SaveEvent({.sequence = event_++, .kind = "migration", .json = fmt::format("{{\"after\":{}}}", id)});
}

void Evolution::Report() {
  if (!on_progress) return;
  EvolutionProgress p;
  p.evaluations = committed_;
  p.generation = committed_ / kGeneration;
  p.failures = result_.failures;
  p.duplicates = result_.duplicates;
  p.elapsed = MonotonicNow() - start_;
  p.best_score = best_score_;
  if (models_) {
    p.model_calls = models_->totals().calls;
    p.model_candidates = models_->totals().candidates;
    p.usd = models_->totals().usd;
    p.calls_in_flight = models_->in_flight();
  }
  p.gain_pct = first_score_ > 0 ? 100 * (best_score_ / first_score_ - 1) : 0;
  p.per_second = p.elapsed.v > 0 ? static_cast<double>(committed_ - result_.resumed) / p.elapsed.s() : 0;
  if (options_.time_budget != Nanos::Max()) p.left = options_.time_budget - p.elapsed;
  if (options_.max_evaluations > 0 && p.per_second > 0) {
    Nanos by_count{static_cast<int64_t>(static_cast<double>(options_.max_evaluations - committed_) / p.per_second * 1e9)};
    p.left = std::min(p.left, by_count);
  }
  p.left = std::max(p.left, Nanos{0});
  on_progress(p);
}

}  // namespace ose
