#include "evolve/model_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/utf8.h"
#include "core/diff.h"
#include "core/exit_code.h"
#include "core/policy_source.h"
#include "core/stats.h"

namespace ose {
namespace {

constexpr PromptTask kTasks[] = {PromptTask::kEdit, PromptTask::kRewrite, PromptTask::kCrossover, PromptTask::kTunables, PromptTask::kDiff};
constexpr int kFailuresToGiveUp = 4;
constexpr double kOperatorCost = 0.2, kModelCost = 20;  // seconds, until they are known
constexpr size_t kTriedShown = 12, kFailuresShown = 8;

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

// "model/edit" -> true
bool MadeByModel(const Proposal& p) { return p.op.starts_with("model/"); }

}  // namespace

ModelSearch::ModelSearch(ModelSearchOptions options, std::vector<std::string> ops, Evaluator& evaluator, RunDb& db,
                         std::function<const std::string*(int64_t)> source_of)
    : options_(std::move(options)),
      objectives_(evaluator.options().objectives),
      evaluator_(evaluator),
      db_(db),
      source_of_(std::move(source_of)),
      tasks_({.cost_power = 0}),
      stances_({.cost_power = 0}),
      given_up_(options_.arms.size(), false),
      failures_in_a_row_(options_.arms.size(), 0),
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
    notes_ = n.text;
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
  const Member& parent = islands[static_cast<size_t>(island)].PickParent(rng);
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
  request.profile = ProfileOf(parent.id);
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
  Result<PromptInput> prompt = MakePrompt(PromptTask::kNotes, "", best->id, islands);
  if (!prompt.ok()) return;
  // What models proposed lately, whatever the parent.
  prompt->tried.clear();
  std::vector<int64_t> recent;
  for (auto it = known_.rbegin(); it != known_.rend() && recent.size() < kTriedShown; ++it)
    if (it->second.by_model && it->second.failure.empty()) recent.push_back(it->first);
  std::reverse(recent.begin(), recent.end());
  for (int64_t id : recent) prompt->tried.push_back(Step(id, true));
  prompt->inspirations.clear();
  prompt->ancestry.clear();
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
    given_up_[static_cast<size_t>(r.arm)] = true;
    Event(fmt::format("{} is given up: {}", arm.name, OneLine(r.reason, 300)));
  }
  if (r.task == PromptTask::kNotes) {
    bandit_.Drop(origin.arm);
    if (!r.ok || r.note.empty()) {
      Event(fmt::format("call {} {} notes: {}", r.call, arm.name, OneLine(r.reason, 200)));
      return;
    }
    notes_ = r.note;
    if (Status s = db_.SaveNote({.sequence = note_sequence_++, .text = notes_, .after_proposal = last_commit_, .call = r.call}); !s.ok())
      Event("notes not saved: " + s.error().message);
    Event(fmt::format("call {} {} notes: {} bytes", r.call, arm.name, notes_.size()));
    return;
  }
  if (!r.ok) {
    ++totals_.unusable;
    Settle(origin, 0, 0);
    Event(fmt::format("call {} {} {} parent {}: {}", r.call, arm.name, r.stance_arm, r.parent, OneLine(r.reason, 200)));
    if (r.failure == CallFailure::kNone) {
      PromptStep step;
      step.what = r.note.empty() ? "a patch" : r.note;
      step.failure = "did not apply: " + OneLine(r.reason, 300);
      bad_replies_.push_back(std::move(step));
      if (bad_replies_.size() > 3) bad_replies_.pop_front();
    }
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

void ModelSearch::OnCommit(const Proposal& p, const Evaluation& e, bool full, double best, Nanos took) {
  last_commit_ = p.id;
  const bool by_model = MadeByModel(p);
  Known k;
  k.parent = p.parents.empty() ? -1 : p.parents[0];
  k.by_model = by_model;
  k.seed = p.op == "seed";
  k.full = full;
  k.what = k.seed ? p.note + " (hand-written)" : fmt::format("candidate {}, by {}: {}", p.id, p.op, OneLine(p.note, 240));
  if (e.outcome == Outcome::kOk) {
    k.score = e.MeanScore();
    for (const Objective& o : objectives_) {
      double sum = 0;
      for (const SeedResult& s : e.seeds)
        if (auto it = s.metrics.find(o.metric); it != s.metrics.end()) sum += it->second;
      k.objectives.push_back(e.seeds.empty() ? 0 : sum / static_cast<double>(e.seeds.size()));
    }
  } else {
    k.failure = fmt::format("failed ({}): {}", OutcomeName(e.outcome), OneLine(e.diagnosis, 400));
  }
  double parent_score = 0;
  if (auto parent = known_.find(k.parent); parent != known_.end()) {
    parent->second.children.push_back(p.id);
    parent_score = parent->second.score;
  }
  const double reward = !full ? 0 : k.score > best * (1 + 1e-6) ? 1 : k.score > parent_score * (1 + 1e-6) ? 0.4 : 0;
  if (!k.seed) {
    if (auto o = origins_.find(p.id); o != origins_.end()) {
      Settle(o->second, reward, took.s());
      origins_.erase(o);
    } else if (const int arm = bandit_.Find(p.op); arm >= 0) {
      bandit_.Record(arm, reward, std::max(1e-3, took.s()), false);
    }
  }
  if (by_model) {
    if (options_.notes_interval > 0 && ++since_notes_ >= options_.notes_interval) {
      since_notes_ = 0;
      notes_wanted_ = true;
    }
    if (e.outcome != Outcome::kOk && e.outcome != Outcome::kInternal) {
      failed_.push_back(p.id);
      if (failed_.size() > kFailuresShown) failed_.pop_front();
      // One attempt to repair a child that failed; none for the failure of an attempt.
      if (p.op != "model/repair" && e.outcome != Outcome::kStuck)
        repairs_.push_back({p.id, k.parent, p.island, p.source, fmt::format("{}: {}", OutcomeName(e.outcome), e.diagnosis)});
    }
  }
  known_[p.id] = std::move(k);
}

std::function<std::string()> ModelSearch::ProfileOf(int64_t id) {
  auto it = profiles_.find(id);
  if (it == profiles_.end()) {
    const std::string* source = source_of_(id);
    if (!source || options_.search_seeds.empty()) return {};
    it = profiles_.emplace(id, evaluator_.SubmitProfile(*source, fmt::format("candidate-{}.cc", id), options_.search_seeds[0]).share()).first;
  }
  return [f = it->second] { return f.get().ok() ? FormatProfile(*f.get()) : std::string(); };
}

PromptPolicy ModelSearch::Policy(int64_t id) {
  PromptPolicy p;
  const Known& k = known_[id];
  p.title = k.seed ? k.what : fmt::format("candidate {}", id);
  p.score = k.score;
  if (const std::string* source = source_of_(id)) p.source = *source;
  Result<StoredCandidate> stored = db_.LoadCandidate(id);
  if (!stored.ok()) return p;
  std::map<std::string, std::vector<double>> values;
  std::map<std::string, double> bounds;
  for (const StoredSeed& s : stored->seeds) {
    for (auto& [name, value] : s.result.metrics) values[name].push_back(value);
    const Metrics bound = evaluator_.options().bounds(s.result.seed);
    for (auto& [name, value] : bound) bounds[name] += value;
  }
  const size_t n = stored->seeds.size();
  p.seeds = static_cast<int>(n);
  auto add = [&](const std::string& name, double weight, Direction better) {
    auto it = values.find(name);
    const MetricInfo* info = FindMetric(name);
    if (it == values.end() || it->second.size() != n || !info) return;
    PromptMetric m{.name = name, .unit = std::string(info->unit), .better = better, .weight = weight, .value = MeanInterval(it->second), .bound = {}};
    if (auto b = bounds.find(name); b != bounds.end()) m.bound = b->second / static_cast<double>(n);
    p.metrics.push_back(std::move(m));
    values.erase(it);
  };
  for (const Objective& o : objectives_) add(o.metric, o.weight, o.direction);
  // What explains the others, first; then the rest by name.
  for (const char* name : {"utilization", "overhead", "idle_while_waiting", "switches_per_s", "migrations_per_s", "fairness", "incomplete"})
    if (const MetricInfo* info = FindMetric(name)) add(name, 0, info->better);
  std::vector<std::string> rest;
  for (auto& [name, unused] : values) rest.push_back(name);
  for (const std::string& name : rest)
    if (const MetricInfo* info = FindMetric(name)) add(name, 0, info->better);
  return p;
}

PromptStep ModelSearch::Step(int64_t id, bool diff) {
  const Known& k = known_[id];
  PromptStep s;
  s.what = k.what;
  s.failure = k.failure;
  s.after = k.score;
  if (auto parent = known_.find(k.parent); parent != known_.end()) s.before = parent->second.score;
  if (diff)
    if (const std::string *mine = source_of_(id), *parents = source_of_(k.parent); mine && parents) s.diff = UnifiedDiff(*parents, *mine, "before", "after");
  return s;
}

// Children of a parent: those of models, and those of operators that were an improvement.
std::vector<PromptStep> ModelSearch::Tried(int64_t parent) {
  std::vector<PromptStep> steps;
  const Known& k = known_[parent];
  for (int64_t child : k.children) {
    const Known& c = known_[child];
    if (c.by_model || (c.full && c.score > k.score)) steps.push_back(Step(child, false));
  }
  return steps;
}

// Members that differ: the best of another root, then the one that beats the parent most in some
// objective (first for a crossover, which needs something to take over).
std::vector<PromptPolicy> ModelSearch::Inspirations(int64_t parent, const std::vector<Archive>& islands, bool crossover, Rng& rng) {
  std::map<int64_t, const Member*> members;
  int64_t root = -1;
  for (const Archive& a : islands)
    for (const Member& m : a.members()) {
      if (m.id == parent) root = m.root;
      else members.emplace(m.id, &m);
    }
  const Known& k = known_[parent];
  const Member *other_root = nullptr, *stronger = nullptr;
  double best_gain = 0;
  for (auto& [id, m] : members) {
    if (m->root != root && (!other_root || m->score > other_root->score)) other_root = m;
    const Known& c = known_[id];
    for (size_t i = 0; i < objectives_.size() && i < c.objectives.size() && i < k.objectives.size(); ++i) {
      if (c.objectives[i] <= 0 || k.objectives[i] <= 0) continue;
      const double gain = (objectives_[i].direction == Direction::kMaximize ? 1 : -1) * std::log(c.objectives[i] / k.objectives[i]) * objectives_[i].weight;
      if (gain > best_gain) {
        best_gain = gain;
        stronger = m;
      }
    }
  }
  std::vector<const Member*> chosen;
  for (const Member* m : crossover ? std::array{stronger, other_root} : std::array{other_root, stronger})
    if (m && std::find(chosen.begin(), chosen.end(), m) == chosen.end()) chosen.push_back(m);
  if (!members.empty() && chosen.size() < 2) {
    auto it = members.begin();
    std::advance(it, static_cast<std::ptrdiff_t>(rng.Below(members.size())));
    if (std::find(chosen.begin(), chosen.end(), it->second) == chosen.end()) chosen.push_back(it->second);
  }
  std::vector<PromptPolicy> out;
  for (const Member* m : chosen) out.push_back(Policy(m->id));
  return out;
}

Result<PromptInput> ModelSearch::MakePrompt(PromptTask task, const std::string& stance, int64_t parent, const std::vector<Archive>& islands) {
  const std::string* source = source_of_(parent);
  if (!source) return Error{kExitInternal, fmt::format("candidate {} has no source to show", parent)};
  PromptInput in;
  in.task = task;
  in.stance = stance;
  in.api = options_.api;
  in.workload = options_.workload;
  in.machine = options_.machine;
  in.workload_file = options_.workload_file;
  in.parent = Policy(parent);
  for (int64_t id = parent; id >= 0 && in.ancestry.size() < 6 && !known_[id].seed; id = known_[id].parent) in.ancestry.insert(in.ancestry.begin(), Step(id, true));
  in.tried = Tried(parent);
  for (int64_t id : failed_) in.failures.push_back(Step(id, false));
  for (const PromptStep& s : bad_replies_) in.failures.push_back(s);
  Rng rng = Rng::Stream(options_.seed, 0x696e7370697265ULL, draws_);
  in.inspirations = Inspirations(parent, islands, task == PromptTask::kCrossover, rng);
  in.notes = notes_;
  return in;
}

}  // namespace ose
