#include "evolve/evolution.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "base/hash.h"
#include "core/exit_code.h"
#include "core/policy_source.h"
#include "evolve/names.h"
#include "evolve/reward.h"

namespace ose {
namespace {

constexpr int kTriesPerProposal = 12;
constexpr int kGeneration = 32;  // proposals, for the progress line
constexpr char kRecheckOp[] = "recheck";
// Share of proposals whose operator is drawn with equal chances, whatever the bandit says: what makes a leap is rare, and
// is often an operator that brought nothing before.
constexpr double kAnyOperator = 0.5;
constexpr double kOperatorMemory = 0.999;  // the bandit's discount: there are some 25 arms to be known
// A place in the first 1/kGoodPart of the island is a good one.
constexpr int kGoodPart = 4;

double MeanOfFirst(const std::vector<SeedResult>& seeds, size_t n) {
  n = std::min(n, seeds.size());
  double sum = 0;
  for (size_t i = 0; i < n; ++i) sum += seeds[i].score;
  return n ? sum / static_cast<double>(n) : 0;
}

std::vector<double> SeedScores(const Evaluation& e) {
  std::vector<double> scores;
  for (const SeedResult& s : e.seeds) scores.push_back(s.score);
  return scores;
}

PopulationOptions WithSeed(PopulationOptions options, uint64_t seed) {
  options.seed = seed;
  return options;
}

std::vector<std::string> OpNames(const Mutator& mutator) {
  std::vector<std::string> names = mutator.ops();
  names.push_back(kTuneOp);
  return names;
}

}  // namespace

const std::vector<std::string>& StrategyNames() {
  static const std::vector<std::string> names = {"evolve", "random", "best-of-n", "tunables"};
  return names;
}

Result<Strategy> ParseStrategy(std::string_view name) { return ParseName<Strategy>(name, StrategyNames(), "strategy"); }

Evolution::Evolution(EvolutionOptions options, std::vector<SeedPolicy> seeds, Evaluator& evaluator, Mutator& mutator,
                     RunDb& db)
    : options_(std::move(options)),
      seeds_(std::move(seeds)),
      evaluator_(evaluator),
      mutator_(mutator),
      db_(db),
      population_(WithSeed(options_.population, options_.seed)),
      tuner_(options_.seed),
      ops_(BanditOptions{.discount = kOperatorMemory}),
      op_names_(OpNames(mutator)) {
  for (const std::string& name : op_names_) ops_.AddArm(name);
  if (!options_.models) return;
  models_ = std::make_unique<ModelSearch>(*options_.models, op_names_, evaluator_, db_, [this](int64_t id) -> const std::string* {
    auto it = known_.find(id);
    return it != known_.end() ? &it->second.source : nullptr;
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
    while (may && static_cast<int>(in_flight_.size()) < options_.window) {
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
  }
  result_.arms = models_ ? models_->bandit().arms() : ops_.arms();
  result_.ranking = ranking_.entries();
  result_.front = population_.front().entries();
  result_.evaluations = committed_;
  result_.interrupted = options_.stop && *options_.stop;
  return std::move(result_);
}

Result<std::vector<PromptInput>> Evolution::SamplePrompts() {
  std::vector<PromptInput> prompts;
  if (population_.empty()) return prompts;
  const int64_t best = population_.islands()[0].best().id;
  for (PromptTask task : {PromptTask::kEdit, PromptTask::kDiff, PromptTask::kRewrite, PromptTask::kCrossover, PromptTask::kTunables, PromptTask::kNotes}) {
    const std::string stance = task == PromptTask::kNotes ? "" : options_.models->templates->stances()[0];
    OSE_ASSIGN(PromptInput input, models_->MakePrompt(task, stance, best, population_.islands()));
    input.profile = models_->Profile(best);
    prompts.push_back(std::move(input));
  }
  return prompts;
}

Status Evolution::LoadStored() {
  OSE_TRY(db_.ForEachCandidate(RunDb::With::kMetrics, [&](StoredCandidate c) {
    stored_.emplace(c.proposal.id, std::move(c));
    return true;
  }));
  stored_end_ = static_cast<int64_t>(stored_.size());
  return {};
}

bool Evolution::MayPropose() const {
  if (next_id_ < static_cast<int64_t>(seeds_.size())) return true;  // the seed policies always
  if (options_.stop && *options_.stop) return false;
  if (options_.max_evaluations > 0 && next_id_ >= options_.max_evaluations) return false;
  // What the database holds is replayed whatever the clock says: it is paid for.
  if (next_id_ < stored_end_) return true;
  return options_.time_budget == Nanos::Max() || MonotonicNow() - start_ < options_.time_budget;
}

Result<bool> Evolution::Propose() {
  const int64_t id = next_id_;
  // The seed policies must all be in before anything is made from them.
  if (id == static_cast<int64_t>(seeds_.size()))
    while (!in_flight_.empty()) OSE_TRY(CommitFront());

  const int island = static_cast<int>(id % options_.population.islands);
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
    Proposal p = it->second.proposal;
    if (p.op == kTuneOp) {
      while (!tuner_.CanPropose(p.island, population_.islands()[static_cast<size_t>(p.island)])) {
        if (in_flight_.empty()) return Error{kExitInternal, fmt::format("the run no longer follows its own record at candidate {}", id)};
        OSE_TRY(CommitFront());
      }
      tuner_.Next(p.island, id);
    }
    OSE_TRY(Launch(std::move(p)));
    return true;
  }
  const std::string* op = nullptr;
  if (models_) {
    const int64_t room = options_.max_evaluations > 0 ? options_.max_evaluations - id : std::numeric_limits<int64_t>::max();
    switch (models_->NextTurn(population_.islands(), room)) {
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
  if (population_.islands()[static_cast<size_t>(island)].empty())
    return Error{kExitInternal, "no policy works on this workload: nothing to evolve from"};
  std::optional<Proposal> p = Recheck(id, island);
  if (!p) {
    OSE_ASSIGN(p, Vary(id, island, op));
  }
  if (!p) return false;
  OSE_TRY(Launch(std::move(*p)));
  return true;
}

// A second look, when there is somebody to look at: soon at whoever leads the island, since the leader has most of the
// children, and now and then at the next best. First of all at the policy that gains are measured against, whose scores
// tell how hard the further seeds are.
std::optional<Proposal> Evolution::Recheck(int64_t id, int island) {
  if (options_.strategy != Strategy::kEvolve || options_.recheck_seeds.empty()) return std::nullopt;
  const int64_t turn = id / options_.population.islands;  // of this island
  const size_t looked_at = turn % options_.recheck_interval == 0 ? kBeam : turn % options_.recheck_leader_interval == 0 ? 1 : 0;
  int64_t target = -1;
  const auto& members = population_.islands()[static_cast<size_t>(island)].members();
  auto look = [&](const Member& m) {
    if (target < 0 && !m.rechecked && !rechecked_.contains(m.id)) target = m.id;
  };
  if (looked_at > 0) look(Leader(members));
  for (size_t i = 0; i < std::min(looked_at, members.size()); ++i) look(members[i]);
  if (target < 0) return std::nullopt;
  if (known_.contains(0) && !rechecked_.contains(0)) target = 0;
  Proposal p;
  p.id = id;
  p.island = island;
  p.generation = id / kGeneration;
  p.parents = {target};
  p.op = kRecheckOp;
  p.note = fmt::format("{} further seeds", options_.recheck_seeds.size());
  p.source = known_.at(target).source;
  return p;
}

// The operator to try: the bandit's, or any; null when all have failed.
const std::string* Evolution::PickOp(const std::set<std::string>& failed, Rng& rng) const {
  std::vector<const std::string*> open;
  for (const std::string& op : op_names_)
    if (!failed.contains(op)) open.push_back(&op);
  if (open.empty()) return nullptr;
  if (options_.strategy != Strategy::kEvolve || rng.Unit() < kAnyOperator) return open[rng.Below(open.size())];
  return &op_names_[static_cast<size_t>(ops_.Pick([&](int arm) { return !failed.contains(ops_.name(arm)); }))];
}

int64_t Evolution::PickParent(int island, Rng& rng) const {
  switch (options_.strategy) {
    case Strategy::kRandom: return walk_[rng.Below(walk_.size())];
    case Strategy::kBestOfN:
    case Strategy::kTunables:
      for (const RankedCandidate& c : ranking_.entries())
        if (!c.name.empty()) return c.id;
      break;
    case Strategy::kEvolve: break;
  }
  return population_.PickParent(island, rng).id;
}

// One new policy. A pick of parent and operator that yields nothing new is tried again, from the same stream;
// an operator that finds nothing to do makes way for the others. `wanted` names the operator; null: any.
// Empty when only results that are not in yet can go on.
Result<std::optional<Proposal>> Evolution::Vary(int64_t id, int island, const std::string* wanted) {
  Rng rng = Rng::Stream(options_.seed, 0x65766f6c7665ULL, static_cast<uint64_t>(id));
  const Archive& archive = population_.islands()[static_cast<size_t>(island)];
  Proposal p;
  p.id = id;
  p.island = island;
  p.generation = id / kGeneration;
  std::set<std::string> failed;
  if (options_.strategy != Strategy::kEvolve && options_.strategy != Strategy::kTunables) failed.insert(kTuneOp);
  if (options_.strategy == Strategy::kTunables) {
    failed.insert(op_names_.begin(), op_names_.end() - 1);
    if (!tuner_.CanPropose(island, archive)) {
      if (!in_flight_.empty()) return std::optional<Proposal>();
      tuner_.Again();
    }
  }
  for (int attempt = 0; attempt < kTriesPerProposal; ++attempt) {
    const std::string* op = wanted && !failed.contains(*wanted) ? wanted : PickOp(failed, rng);
    if (!op) break;
    if (*op == kTuneOp) {
      if (!tuner_.CanPropose(island, archive)) {
        failed.insert(*op);
        continue;
      }
      Tuner::Point point = tuner_.Next(island, id);
      p.parents = {point.parent};
      p.op = kTuneOp;
      p.note = std::move(point.note);
      p.source = std::move(point.source);
      return std::optional(std::move(p));
    }
    const int64_t parent = PickParent(island, rng);
    const Known& known = known_.at(parent);
    std::vector<std::string> mates;
    if (const Member* m = archive.Find(parent)) mates = population_.PickMates(island, *m, 4, rng);
    Result<Mutation> m = mutator_.Mutate(known.source, *op, mates, rng);
    if (!m.ok()) {
      failed.insert(*op);
      continue;
    }
    // What has the tokens of an earlier one is that one.
    if (proposed_.contains(Sha256Hex(CanonicalSource(m->source)))) {
      ++result_.redrawn;
      continue;
    }
    p.parents = {parent};
    p.op = m->op;
    p.note = m->note;
    p.source = std::move(m->source);
    return std::optional(std::move(p));
  }
  // Nothing new was found: to evaluate the parent again is free (its results are cached).
  p.parents = {PickParent(island, rng)};
  p.op = "none";
  p.note = "nothing new found";
  p.source = known_.at(p.parents[0]).source;
  return std::optional(std::move(p));
}

Status Evolution::Launch(Proposal proposal) {
  next_id_ = proposal.id + 1;
  proposed_.insert(Sha256Hex(CanonicalSource(proposal.source)));
  OSE_TRY(db_.AppendProposal(proposal));
  if (proposal.op == kRecheckOp) rechecked_.insert(proposal.parents[0]);
  else if (!proposal.parents.empty()) population_.CountChild(proposal.island, proposal.parents[0]);
  if (const int arm = ops_.Find(proposal.op); arm >= 0) ops_.Start(arm);
  InFlight f;
  f.started = MonotonicNow();
  auto stored = stored_.find(proposal.id);
  if (stored != stored_.end() && stored->second.outcome && *stored->second.outcome != Outcome::kInternal) {
    StoredCandidate& c = stored->second;
    f.stored = true;
    f.result.outcome = *c.outcome;
    f.result.diagnosis = std::move(c.diagnosis);
    f.result.object_hash = std::move(c.object_hash);
    for (StoredSeed& s : c.seeds) f.result.seeds.push_back(std::move(s.result));
    ++result_.resumed;
  } else {
    EvalJob job{.source = proposal.source, .file = fmt::format("candidate-{}.cc", proposal.id), .seeds = options_.search_seeds, .skeleton_of = {}};
    if (proposal.op == "seed") {
      job.file = proposal.note + ".cc";
    } else {
      // In a run that came from outside, a cut-off proposal may descend from the one right before it.
      while (!known_.contains(proposal.parents[0]) && !in_flight_.empty()) OSE_TRY(CommitFront());
      job.skeleton_of = known_.at(proposal.parents[0]).source;
      job.max_events = RunawayLimit(seed_events_);
      if (proposal.op == kRecheckOp) {
        job.seeds.insert(job.seeds.end(), options_.recheck_seeds.begin(), options_.recheck_seeds.end());
      } else if (options_.strategy != Strategy::kRandom) {
        job.quick_seeds = options_.quick_seeds;
        job.quick_score = population_.QuickBar(proposal.island);
      }
    }
    f.future = evaluator_.Submit(std::move(job));
  }
  if (stored != stored_.end()) stored_.erase(stored);
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
    OSE_TRY(db_.SaveEvaluation(f.proposal.id, e, Full(e) || e.outcome != Outcome::kOk ? Stage::kFull : Stage::kQuick, took));
  }
  const double reward = Reward(f.proposal, e);
  OSE_TRY(Commit(f, e, reward));
  if (models_ && f.proposal.op != kRecheckOp) models_->OnCommit(f.proposal, e, Full(e), reward, took);
  if (f.proposal.op != "seed") {
    for (const Population::Event& event : population_.Step(f.proposal.id)) {
      if (event.kind == "restart") ++result_.restarts;
      // Sequence numbers are the loop's own, so that a resumed run writes the same rows again.
      OSE_TRY(db_.SaveEvent({.sequence = event_++, .kind = event.kind, .json = event.json}));
    }
  }
  if (on_best) on_best(f.proposal.id, Best());
  Report();
  return {};
}

double Evolution::ScoreOf(const Proposal& p, const Evaluation& e) const {
  if (p.op == "seed" || options_.strategy != Strategy::kEvolve) return e.MeanScore();
  const Known& parent = known_.at(p.parents[0]);
  return parent.mean > 0 ? e.MeanScore() * parent.score / parent.mean : e.MeanScore();
}

double Evolution::Reward(const Proposal& p, const Evaluation& e) const {
  if (!Full(e) || p.op == "seed") return 0;
  const auto& archive = population_.islands()[static_cast<size_t>(p.island)];
  const bool same = SeedScores(e) == known_.at(p.parents[0]).seed_scores;
  const double score = ScoreOf(p, e);
  return RewardOf(score, Best(), !same && archive.RankOf(score) < options_.population.archive_size / kGoodPart);
}

Status Evolution::Commit(const InFlight& f, const Evaluation& e, double reward) {
  ++committed_;
  const Proposal& p = f.proposal;
  if (on_commit) {
    std::string verdict = e.outcome != Outcome::kOk ? OutcomeName(e.outcome)
                          : Full(e)                 ? fmt::format("{:.4f}", e.MeanScore())
                                                    : fmt::format("{:.4f} quick", e.MeanScore());
    on_commit(fmt::format("{} island {} parent {} {} {} {}", p.id, p.island, p.parents.empty() ? -1 : p.parents[0], p.op, verdict, p.note));
  }
  if (e.outcome == Outcome::kCompile) ++result_.compile_failures;
  if (e.outcome != Outcome::kOk) {
    ++result_.failures;
    if (p.id == 0) return Error{evaluator_.ExitCode(e), e.diagnosis};
  }
  if (p.op == "seed") seed_events_ = std::max(seed_events_, e.MostSimEvents());
  if (p.op == kRecheckOp) {
    CommitRecheck(p, e);
    return {};
  }
  const std::string behaviour = e.outcome == Outcome::kOk ? BehaviourKey(e.object_hash, p.source) : "";
  const bool duplicate = e.outcome == Outcome::kOk && !behaviours_.insert(behaviour).second;
  if (duplicate) ++result_.duplicates;
  if (p.op == kTuneOp) tuner_.OnResult(p.id, e.outcome == Outcome::kOk ? e.MeanScore() : 0);
  // Costs are in the currency of the budget: evaluations where they are counted, else time.
  if (const int arm = ops_.Find(p.op); arm >= 0) ops_.Record(arm, reward, options_.max_evaluations > 0 ? 1 : CostOf(e, Full(e), duplicate), true);
  // Failures, what was dropped at the quick stage, and twins never enter the population.
  if (Full(e)) CommitMember(p, e, behaviour);
  else if (p.op != "seed") population_.Insert(p.island, nullptr);
  return {};
}

std::set<std::string> Evolution::AuthorsOf(const Proposal& p) const {
  if (p.op == "seed") return {};
  std::set<std::string> authors = known_.at(p.parents[0]).authors;
  // A model's proposal names it: "[openai:gpt-5] shorter quantum".
  const size_t end = p.note.find(']');
  authors.insert(p.op.starts_with("model/") && end != std::string::npos ? p.note.substr(1, end - 1) : "operators");
  return authors;
}

void Evolution::CommitMember(const Proposal& p, const Evaluation& e, const std::string& behaviour) {
  Member m;
  m.id = p.id;
  m.root = p.parents.empty() ? p.id : known_.at(p.parents[0]).root;
  m.source = p.source;
  m.behaviour = behaviour;
  m.depth = p.parents.empty() ? 0 : known_.at(p.parents[0]).depth + 1;
  m.score = ScoreOf(p, e);
  m.seed_scores = SeedScores(e);
  m.quick_score = MeanOfFirst(e.seeds, static_cast<size_t>(options_.quick_seeds));
  m.niche = NicheOf(e.seeds);
  m.objectives = LogObjectives(evaluator_.options().objectives, e.seeds);
  if (p.id == 0) first_score_ = m.score;
  std::set<std::string> authors = AuthorsOf(p);
  const std::string author = fmt::format("{}", fmt::join(authors, ", "));
  known_.emplace(p.id, Known{m.root, m.depth, m.source, std::move(authors), m.score, e.MeanScore(), m.seed_scores});
  walk_.push_back(p.id);
  // Relatives with the same schedules are one candidate, and hand-written policies each their own.
  if (ranked_.insert(m.behaviour).second && (schedules_.insert({m.root, m.seed_scores}).second || p.op == "seed"))
    ranking_.Insert({.id = p.id, .root = m.root, .name = p.op == "seed" ? p.note : "", .source = m.source, .op = p.op, .author = author, .score = m.score});
  if (p.op == "seed") population_.InsertSeed(m);
  else population_.Insert(p.island, &m);
}

void Evolution::CommitRecheck(const Proposal& p, const Evaluation& e) {
  ++result_.rechecked;
  const int64_t id = p.parents[0];
  if (id == 0 && Full(e) && e.MeanScore() > 0) ease_ = first_score_ / e.MeanScore();
  // What fails on a further seed is no parent.
  const double score = Full(e) ? e.MeanScore() * ease_ : 0;
  known_.at(id).score = score;
  population_.Rescore(id, score);
  ranking_.Rescore(id, score);
}

void Evolution::Report() {
  if (!on_progress) return;
  EvolutionProgress p;
  p.evaluations = committed_;
  p.generation = committed_ / kGeneration;
  p.failures = result_.failures;
  p.duplicates = result_.duplicates;
  p.elapsed = MonotonicNow() - start_;
  p.best_score = Best();
  if (models_) {
    p.model_calls = models_->totals().calls;
    p.model_candidates = models_->totals().candidates;
    p.usd = models_->totals().usd;
    p.calls_in_flight = models_->in_flight();
  }
  p.gain_pct = first_score_ > 0 ? 100 * (Best() / first_score_ - 1) : 0;
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
