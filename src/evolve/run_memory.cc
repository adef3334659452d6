#include "evolve/run_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/utf8.h"
#include "core/diff.h"
#include "core/exit_code.h"
#include "core/stats.h"

namespace ose {
namespace {

constexpr size_t kAncestryShown = 6, kRecentShown = 12, kFailuresShown = 8, kBadRepliesShown = 3;

}  // namespace

RunMemory::RunMemory(RunMemoryOptions options, Evaluator& evaluator, RunDb& db, std::function<const std::string*(int64_t)> source_of)
    : options_(std::move(options)), objectives_(evaluator.options().objectives), evaluator_(evaluator), db_(db), source_of_(std::move(source_of)) {}

void RunMemory::OnCommit(const Proposal& p, const Evaluation& e, bool full) {
  Known k;
  k.parent = p.parents.empty() ? -1 : p.parents[0];
  k.authored = MadeByModel(p) || p.op == kMcpOp;
  k.seed = p.op == "seed";
  k.full = full;
  k.what = k.seed ? p.note + " (hand-written)" : fmt::format("candidate {}, by {}{}{}", p.id, p.op, p.note.empty() ? "" : ": ", OneLine(p.note, 240));
  if (e.outcome == Outcome::kOk) k.score = e.MeanScore();
  else k.failure = fmt::format("failed ({}): {}", OutcomeName(e.outcome), OneLine(e.diagnosis, 400));
  if (auto parent = known_.find(k.parent); parent != known_.end()) parent->second.children.push_back(p.id);
  if (k.authored && e.outcome != Outcome::kOk && e.outcome != Outcome::kInternal) {
    failed_.push_back(p.id);
    if (failed_.size() > kFailuresShown) failed_.pop_front();
  }
  known_[p.id] = std::move(k);
}

void RunMemory::OnBadReply(const std::string& what, const std::string& reason) {
  PromptStep step;
  step.what = what.empty() ? "a patch" : what;
  step.failure = "did not apply: " + OneLine(reason, 300);
  bad_replies_.push_back(std::move(step));
  if (bad_replies_.size() > kBadRepliesShown) bad_replies_.pop_front();
}

double RunMemory::ScoreOf(int64_t id) const {
  auto it = known_.find(id);
  return it == known_.end() ? 0 : it->second.score;
}

// Read when it is first asked for: most candidates are never compared.
const std::vector<double>& RunMemory::ObjectivesOf(int64_t id) {
  Known& k = known_[id];
  if (!k.objectives.empty()) return k.objectives;
  Result<StoredCandidate> stored = db_.LoadCandidate(id);
  if (!stored.ok() || stored->seeds.empty()) return k.objectives;
  for (const Objective& o : objectives_) {
    double sum = 0;
    for (const StoredSeed& s : stored->seeds)
      if (auto it = s.result.metrics.find(o.metric); it != s.result.metrics.end()) sum += it->second;
    k.objectives.push_back(sum / static_cast<double>(stored->seeds.size()));
  }
  return k.objectives;
}

std::function<std::string()> RunMemory::ProfileOf(int64_t id) {
  auto it = profiles_.find(id);
  if (it == profiles_.end()) {
    const std::string* source = source_of_(id);
    if (!source || options_.search_seeds.empty()) return {};
    it = profiles_.emplace(id, evaluator_.SubmitProfile(*source, fmt::format("candidate-{}.cc", id), options_.search_seeds[0]).share()).first;
  }
  return [f = it->second] { return f.get().ok() ? FormatProfile(*f.get()) : std::string(); };
}

PromptPolicy RunMemory::Policy(int64_t id) {
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

PromptStep RunMemory::Step(int64_t id, bool diff) {
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

// Children of a parent: those that were authored, and those of operators that were an improvement.
std::vector<PromptStep> RunMemory::Tried(int64_t parent) {
  std::vector<PromptStep> steps;
  const Known& k = known_[parent];
  for (int64_t child : k.children) {
    const Known& c = known_[child];
    if (c.authored || (c.full && c.score > k.score)) steps.push_back(Step(child, false));
  }
  return steps;
}

// Members that differ: the best of another root, then the one that beats the parent most in some
// objective (first for a crossover, which needs something to take over).
std::vector<PromptPolicy> RunMemory::Inspirations(int64_t parent, std::span<const Archive> islands, bool crossover, Rng& rng) {
  std::map<int64_t, const Member*> members;
  int64_t root = -1;
  for (const Archive& a : islands)
    for (const Member& m : a.members()) {
      if (m.id == parent) root = m.root;
      else members.emplace(m.id, &m);
    }
  const std::vector<double> mine = ObjectivesOf(parent);
  const Member *other_root = nullptr, *stronger = nullptr;
  double best_gain = 0;
  for (auto& [id, m] : members) {
    if (m->root != root && (!other_root || m->score > other_root->score)) other_root = m;
    const std::vector<double>& theirs = ObjectivesOf(id);
    for (size_t i = 0; i < objectives_.size() && i < theirs.size() && i < mine.size(); ++i) {
      if (theirs[i] <= 0 || mine[i] <= 0) continue;
      const double gain = (objectives_[i].direction == Direction::kMaximize ? 1 : -1) * std::log(theirs[i] / mine[i]) * objectives_[i].weight;
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

Result<PromptInput> RunMemory::MakePrompt(PromptTask task, const std::string& stance, int64_t parent, std::span<const Archive> islands, uint64_t draw) {
  const std::string* source = source_of_(parent);
  if (!source) return Error{kExitInternal, fmt::format("candidate {} has no source to show", parent)};
  PromptInput in;
  in.task = task;
  in.stance = stance;
  in.api = options_.facts.api;
  in.workload = options_.facts.workload;
  in.machine = options_.facts.machine;
  in.workload_file = options_.facts.workload_file;
  in.parent = Policy(parent);
  for (int64_t id = parent; id >= 0 && in.ancestry.size() < kAncestryShown && !known_[id].seed; id = known_[id].parent) in.ancestry.insert(in.ancestry.begin(), Step(id, true));
  in.tried = Tried(parent);
  for (int64_t id : failed_) in.failures.push_back(Step(id, false));
  for (const PromptStep& s : bad_replies_) in.failures.push_back(s);
  Rng rng = Rng::Stream(options_.seed, 0x696e7370697265ULL, draw);
  in.inspirations = Inspirations(parent, islands, task == PromptTask::kCrossover, rng);
  in.notes = notes_;
  return in;
}

// What was authored lately, whatever the parent.
Result<PromptInput> RunMemory::MakeNotesPrompt(int64_t best) {
  OSE_ASSIGN(PromptInput in, MakePrompt(PromptTask::kNotes, "", best, {}, 0));
  in.tried.clear();
  in.ancestry.clear();
  std::vector<int64_t> recent;
  for (auto it = known_.rbegin(); it != known_.rend() && recent.size() < kRecentShown; ++it)
    if (it->second.authored && it->second.failure.empty()) recent.push_back(it->first);
  std::reverse(recent.begin(), recent.end());
  for (int64_t id : recent) in.tried.push_back(Step(id, true));
  return in;
}

}  // namespace ose
