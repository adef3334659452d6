#include "evolve/model_search.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.h"
#include "core/policy_source.h"

namespace ose {
namespace {

constexpr PromptTask kTasks[] = {PromptTask::kEdit, PromptTask::kRewrite, PromptTask::kCrossover, PromptTask::kTunables, PromptTask::kDiff};
constexpr int kFailuresToGiveUp = 4;
constexpr int kUnusableToGiveUp = 20;  // replies in a row, each with its repair: it will not learn, and costs
constexpr double kOperatorCost = 0.2, kModelCost = 20;  // seconds, until they are known

// No later call of this model can succeed.
bool IsHopeless(CallFailure f) { return f == CallFailure::kNoKey || f == CallFailure::kAuth || f == CallFailure::kUnknownModel; }

// Whether the code reads a tunable. Of one that evolution has left unread there is nothing to propose.
bool ReadsTunables(const std::string& source) {
  const auto tunables = ParseTunables(source);
  if (!tunables.ok()) return false;
  const auto is_word = [](char c) { return isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  for (const TunableDecl& t : *tunables)
    for (size_t at = source.find(t.name); at != std::string::npos; at = source.find(t.name, at + 1)) {
      const size_t end = at + t.name.size();
      if (at > 0 && is_word(source[at - 1])) continue;
      if (source.substr(0, at).ends_with("TUNABLE(")) continue;
      if (end >= source.size() || !is_word(source[end])) return true;
    }
  return false;
}

}  // namespace

ModelSearch::ModelSearch(ModelSearchOptions options, std::vector<std::string> ops, Evaluator& evaluator, RunDb& db,
                         std::function<const std::string*(int64_t)> source_of)
    : options_(std::move(options)),
      db_(db),
      memory_({.facts = options_.facts, .seed = options_.seed, .search_seeds = options_.search_seeds}, evaluator, db, std::move(source_of)),
      tasks_({.cost_power = 0}),
      stances_({.cost_power = 0}),
      given_up_(options_.arms.size(), false),
      failures_in_a_row_(options_.arms.size(), 0),
      unusable_in_a_row_(options_.arms.size(), 0),
      pool_(options_.arms, *options_.templates, *options_.ledger, db, 0) {
  for (std::string& op : ops) bandit_.AddArm(std::move(op), kOperatorCost);
  first_model_ = bandit_.size();
  for (const ModelArm& arm : options_.arms) bandit_.AddArm(arm.name, kModelCost);
  for (PromptTask task : kTasks) tasks_.AddArm(PromptTaskName(task));
  for (const std::string& stance : options_.templates->stances()) stances_.AddArm(stance);
}

Status ModelSearch::Restore() {
  OSE_ASSIGN(std::vector<ModelCall> calls, db_.LoadModelCalls(/*with_texts=*/false));
  for (const ModelCall& c : calls) {
    pool_.SkipTo(c.id + 1);
    if (c.finished && c.attempts == 0) continue;  // never sent
    ++totals_.calls;
    totals_.usd += c.usd;
    if (c.proposal) ++totals_.candidates;
    if (c.purpose == "notes") continue;
    // "edit/theory": kind of request and prompt variant.
    const size_t slash = c.request.find('/');
    Origin o;
    o.arm = bandit_.Find(c.arm);
    o.task = tasks_.Find(c.request.substr(0, slash));
    o.stance = slash == std::string::npos ? -1 : stances_.Find(c.request.substr(slash + 1));
    o.cost = c.took.s() + c.usd * kSecondsPerDollar;
    if (c.proposal) origins_[*c.proposal] = o;
    else if (c.finished) Settle(o, 0, 0);
  }
  OSE_ASSIGN(std::vector<RunNote> notes, db_.LoadNotes());
  for (const RunNote& n : notes) {
    memory_.set_notes(n.text);
    note_sequence_ = n.sequence + 1;
  }
  return {};
}

void ModelSearch::Event(const std::string& line) {
  if (on_event) on_event(line);
}

bool ModelSearch::ModelsUsable() const {
  for (size_t i = 0; i < given_up_.size(); ++i)
    if (!given_up_[i]) return options_.ledger->Exhausted().empty();
  return false;
}

// An arm of bandit_; -1: none.
int ModelSearch::Decide() {
  const bool usable = ModelsUsable();
  // Reservations of calls in flight may come back; with none left the limit is reached for good.
  if (!usable && in_flight() == 0 && !stop_said_) {
    stop_said_ = true;
    if (const std::string why = options_.ledger->Exhausted(); !why.empty()) Event("models stop: " + why);
  }
  if (!usable && options_.share >= 1) return -1;
  bool model_only = false, op_only = !usable;
  if (usable) {
    const double turns = static_cast<double>(model_turns_ + op_turns_ + 1);
    if (options_.share >= 0) {
      model_only = static_cast<double>(model_turns_) < options_.share * turns;
      op_only = !model_only;
    } else {
      model_only = static_cast<double>(model_turns_) < kLeastShare * turns;
      op_only = !model_only && static_cast<double>(op_turns_) < kLeastShare * turns;
    }
  }
  return bandit_.Pick([&](int arm) {
    if (arm < first_model_) return !model_only;
    return !op_only && usable && ArmUsable(arm - first_model_);
  });
}

ModelSearch::Turn ModelSearch::NextTurn(const std::vector<Archive>& islands, int64_t room) {
  if (islands[0].empty()) {  // nothing works here: the loop says so
    picked_ = 0;
    return Turn::kOperator;
  }
  for (;;) {
    while (std::optional<ModelResult> r = pool_.Take(Nanos{0})) Collect(std::move(*r));
    if (!ready_.empty()) return Turn::kReply;
    if (!decided_) {
      picked_ = Decide();
      decided_ = true;
    }
    if (picked_ < 0) {
      decided_ = false;
      return in_flight() > 0 ? Turn::kWait : Turn::kNone;
    }
    if (picked_ < first_model_) {
      decided_ = false;
      ++op_turns_;
      return Turn::kOperator;
    }
    const int model = picked_ - first_model_;
    if (!ArmUsable(model) || !ModelsUsable()) {  // changed since it was picked
      decided_ = false;
      continue;
    }
    // Proposals that are paid for fill what room there is first.
    if (!pool_.HasRoom(model) || in_flight() >= room) return Turn::kWait;
    decided_ = false;
    if (notes_wanted_) {
      notes_wanted_ = false;
      StartNotes(model, islands);
      continue;
    }
    ++model_turns_;
    if (!StartRepair(model, islands)) StartCall(model, islands);
  }
}

void ModelSearch::StartCall(int model, const std::vector<Archive>& islands) {
  Rng rng = Rng::Stream(options_.seed, 0x6d6f64656cULL, draws_++);
  const int island = static_cast<int>(rng.Below(islands.size()));
  const Member& parent = PickParent(ParentRule::kPowerLaw, islands[static_cast<size_t>(island)].members(), rng);
  const bool has_tunables = ReadsTunables(parent.source);
  size_t members = 0;
  for (const Archive& a : islands) members += a.members().size();
  const int task = tasks_.Pick([&](int t) {
    return (has_tunables || kTasks[t] != PromptTask::kTunables) && (members > islands.size() || kTasks[t] != PromptTask::kCrossover);
  });
  const int stance = stances_.Pick();
  ModelRequest request;
  request.arm = model;
  request.parent = parent.id;
  request.island = island;
  request.stance_arm = tasks_.name(task) + "/" + stances_.name(stance);
  Result<PromptInput> prompt = MakePrompt(kTasks[task], stances_.name(stance), parent.id, islands);
  if (!prompt.ok()) {
    Event("no prompt: " + OneLine(prompt.error().message, 300));
    given_up_[static_cast<size_t>(model)] = true;  // the database failed; the loop will find that, too
    return;
  }
  request.prompt = std::move(*prompt);
  request.profile = memory_.ProfileOf(parent.id);
  bandit_.Start(first_model_ + model);
  tasks_.Start(task);
  stances_.Start(stance);
  pool_.Start(std::move(request));
}

bool ModelSearch::StartRepair(int model, const std::vector<Archive>& islands) {
  if (repairs_.empty()) return false;
  Repair repair = std::move(repairs_.front());
  repairs_.pop_front();
  Result<PromptInput> prompt = MakePrompt(PromptTask::kRepair, "", repair.parent, islands);
  if (!prompt.ok()) return false;
  ModelRequest request;
  request.arm = model;
  request.parent = repair.parent;
  request.repairs = repair.proposal;
  request.island = repair.island;
  request.stance_arm = "repair";
  request.prompt = std::move(*prompt);
  request.prompt.inspirations.clear();
  request.prompt.failed_source = std::move(repair.source);
  request.prompt.failed_reason = std::move(repair.reason);
  bandit_.Start(first_model_ + model);
  pool_.Start(std::move(request));
  return true;
}

void ModelSearch::StartNotes(int model, const std::vector<Archive>& islands) {
  const Member* best = nullptr;
  for (const Archive& a : islands)
    if (!a.empty() && (!best || a.best().score > best->score)) best = &a.best();
  if (!best) return;
  Result<PromptInput> prompt = memory_.MakeNotesPrompt(best->id);
  if (!prompt.ok()) return;
  ModelRequest request;
  request.arm = model;
  request.parent = best->id;
  request.stance_arm = "notes";
  request.prompt = std::move(*prompt);
  bandit_.Start(first_model_ + model);
  pool_.Start(std::move(request));
}

ModelSearch::Origin ModelSearch::OriginOf(const ModelResult& r, bool live) const {
  Origin o;
  o.arm = first_model_ + r.arm;
  const size_t slash = r.stance_arm.find('/');
  if (slash != std::string::npos) {
    o.task = tasks_.Find(r.stance_arm.substr(0, slash));
    o.stance = stances_.Find(r.stance_arm.substr(slash + 1));
  }
  o.cost = r.seconds / options_.arms[static_cast<size_t>(r.arm)].concurrency + r.usd * kSecondsPerDollar;
  o.live = live;
  return o;
}

void ModelSearch::GiveUp(int model, const std::string& why) {
  given_up_[static_cast<size_t>(model)] = true;
  Event(fmt::format("{} is given up: {}", options_.arms[static_cast<size_t>(model)].name, why));
}

void ModelSearch::Settle(const Origin& o, double reward, double extra_cost) {
  if (o.arm >= 0) bandit_.Record(o.arm, reward, o.cost + extra_cost, o.live);
  if (o.task >= 0) tasks_.Record(o.task, reward, 1, o.live);
  if (o.stance >= 0) stances_.Record(o.stance, reward, 1, o.live);
}

void ModelSearch::Collect(ModelResult r) {
  const ModelArm& arm = options_.arms[static_cast<size_t>(r.arm)];
  totals_.calls += r.calls;
  totals_.usd += r.usd;
  const Origin origin = OriginOf(r, true);
  // Nothing was sent: no verdict on anything.
  if (r.over_budget || r.failure == CallFailure::kCancelled) {
    bandit_.Drop(origin.arm);
    if (origin.task >= 0) tasks_.Drop(origin.task);
    if (origin.stance >= 0) stances_.Drop(origin.stance);
    return;
  }
  int& in_a_row = failures_in_a_row_[static_cast<size_t>(r.arm)];
  if (r.failure == CallFailure::kNone) {
    in_a_row = 0;
  } else if (++in_a_row >= kFailuresToGiveUp || IsHopeless(r.failure)) {
    GiveUp(r.arm, OneLine(r.reason, 300));
  }
  if (r.task == PromptTask::kNotes) {
    bandit_.Drop(origin.arm);
    if (!r.ok || r.note.empty()) {
      Event(fmt::format("call {} {} notes: {}", r.call, arm.name, OneLine(r.reason, 200)));
      return;
    }
    memory_.set_notes(r.note);
    if (Status s = db_.SaveNote({.sequence = note_sequence_++, .text = r.note, .after_proposal = last_commit_, .call = r.call}); !s.ok())
      Event("notes not saved: " + s.error().message);
    Event(fmt::format("call {} {} notes: {} bytes", r.call, arm.name, r.note.size()));
    return;
  }
  int& unusable = unusable_in_a_row_[static_cast<size_t>(r.arm)];
  unusable = r.ok ? 0 : unusable + (r.failure == CallFailure::kNone);
  if (unusable >= kUnusableToGiveUp && ArmUsable(r.arm)) GiveUp(r.arm, fmt::format("{} replies in a row gave no candidate, the last one: {}", unusable, OneLine(r.reason, 200)));
  if (!r.ok) {
    ++totals_.unusable;
    Settle(origin, 0, 0);
    Event(fmt::format("call {} {} {} parent {}: {}", r.call, arm.name, r.stance_arm, r.parent, OneLine(r.reason, 200)));
    if (r.failure == CallFailure::kNone) memory_.OnBadReply(r.note, r.reason);
    return;
  }
  ++totals_.candidates;
  ready_.push_back(std::move(r));
}

void ModelSearch::Wait(Nanos timeout) {
  if (std::optional<ModelResult> r = pool_.Take(timeout)) Collect(std::move(*r));
}

Proposal ModelSearch::TakeProposal(int64_t id) {
  ModelResult r = std::move(ready_.front());
  ready_.pop_front();
  origins_[id] = OriginOf(r, true);
  Proposal p;
  p.id = id;
  p.island = r.island;
  p.parents = {r.parent};
  p.op = std::string("model/") + PromptTaskName(r.task);
  p.note = fmt::format("[{}] {}", options_.arms[static_cast<size_t>(r.arm)].name, r.note);
  if (r.repairs >= 0) p.note += fmt::format(" (repairs candidate {})", r.repairs);
  p.source = std::move(r.source);
  if (Status s = db_.LinkModelCall(r.call, id); !s.ok()) Event("call not linked: " + s.error().message);
  return p;
}

void ModelSearch::OnCommit(const Proposal& p, const Evaluation& e, bool full, double reward, Nanos took) {
  last_commit_ = p.id;
  memory_.OnCommit(p, e, full);
  const int64_t parent = p.parents.empty() ? -1 : p.parents[0];
  if (p.op != "seed") {
    if (auto o = origins_.find(p.id); o != origins_.end()) {
      Settle(o->second, reward, took.s());
      origins_.erase(o);
    } else if (const int arm = bandit_.Find(p.op); arm >= 0) {
      bandit_.Record(arm, reward, std::max(1e-3, took.s()), false);
    }
  }
  if (!MadeByModel(p)) return;
  if (options_.notes_interval > 0 && ++since_notes_ >= options_.notes_interval) {
    since_notes_ = 0;
    notes_wanted_ = true;
  }
  // One attempt to repair a child that failed; none for the failure of an attempt.
  if (e.outcome != Outcome::kOk && e.outcome != Outcome::kInternal && e.outcome != Outcome::kStuck && p.op != "model/repair")
    repairs_.push_back({p.id, parent, p.island, p.source, fmt::format("{}: {}", OutcomeName(e.outcome), e.diagnosis)});
}

}  // namespace ose
