#include "cli/run_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <set>

#include "core/policy_source.h"
#include "report/rows.h"

namespace ose {
namespace {

using nlohmann::json;

constexpr size_t kLastFailures = 10;

// What ObjectivesJson says, as a table.
std::string ObjectivesText(const json& objectives) {
  std::string text = "| objective | wanted | weight | mean | 95% interval | unit | bound | % of bound | gain over parent |\n|---|---|---|---|---|---|---|---|---|\n";
  auto number = [](const json& j, const char* key) { return j.contains(key) && j[key].is_number() ? fmt::format("{:.5g}", j[key].get<double>()) : "-"; };
  for (const json& o : objectives) {
    std::string interval = "-", gain = "-";
    if (o.contains("ci95")) interval = fmt::format("{:.5g} .. {:.5g}", o["ci95"][0].get<double>(), o["ci95"][1].get<double>());
    if (o.contains("gain_pct")) gain = GainText({o["gain_pct"], o["gain_ci95"][0], o["gain_ci95"][1]});
    text += fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} | {} |\n", o["metric"].get<std::string>(), o["better"].get<std::string>(), number(o, "weight"),
                        number(o, "mean"), interval, o["unit"].get<std::string>(), number(o, "bound"), number(o, "pct_of_bound"), gain);
  }
  return text;
}

std::string Quoted(const std::string& note) { return note.empty() ? "" : " (" + note + ")"; }

}  // namespace

Evaluation EvaluationOf(const StoredCandidate& c) {
  Evaluation e;
  if (c.outcome) e.outcome = *c.outcome;
  e.diagnosis = c.diagnosis;
  e.object_hash = c.object_hash;
  for (const StoredSeed& s : c.seeds) e.seeds.push_back(s.result);
  return e;
}

json ObjectivesJson(const Problem& problem, const BoundsBySeed& bounds, const Evaluation& e, const Evaluation* parent) {
  json list = json::array();
  for (const Objective& o : problem.workload.objectives) {
    const bool most = o.direction == Direction::kMaximize;
    const MetricInfo* info = FindMetric(o.metric);
    json j = {{"metric", o.metric}, {"better", most ? "higher" : "lower"}, {"weight", o.weight}, {"unit", info ? std::string(info->unit) : "1"}};
    std::vector<double> mine, theirs, limit;
    for (size_t i = 0; i < e.seeds.size(); ++i) {
      auto value = e.seeds[i].metrics.find(o.metric);
      if (value == e.seeds[i].metrics.end()) continue;
      mine.push_back(value->second);
      const Metrics at = bounds(e.seeds[i].seed);
      if (auto b = at.find(o.metric); b != at.end()) limit.push_back(b->second);
      if (!parent || i >= parent->seeds.size() || parent->seeds[i].seed != e.seeds[i].seed) continue;
      if (auto its = parent->seeds[i].metrics.find(o.metric); its != parent->seeds[i].metrics.end()) theirs.push_back(its->second);
    }
    if (!mine.empty() && mine.size() == e.seeds.size()) {
      const Interval mean = MeanInterval(mine);
      j["mean"] = mean.mean;
      j["ci95"] = IntervalJson(mean);
      if (limit.size() == mine.size()) {
        const double bound = MeanInterval(limit).mean;
        j["bound"] = bound;
        j["pct_of_bound"] = 100 * (most ? mean.mean / bound : bound / mean.mean);
      }
      const bool positive = std::all_of(mine.begin(), mine.end(), [](double x) { return x > 0; }) && std::all_of(theirs.begin(), theirs.end(), [](double x) { return x > 0; });
      if (theirs.size() == mine.size() && positive) {
        const Interval gain = most ? PairedGainPct(theirs, mine) : PairedGainPct(mine, theirs);
        j["gain_pct"] = gain.mean;
        j["gain_ci95"] = IntervalJson(gain);
      }
    }
    list.push_back(std::move(j));
  }
  return list;
}

json CandidateHead(const StoredCandidate& c) {
  json j = {{"id", c.proposal.id}, {"parent", nullptr}, {"op", c.proposal.op}, {"note", c.proposal.note},
            {"outcome", c.outcome ? OutcomeName(*c.outcome) : "pending"}, {"score", nullptr}};
  if (!c.proposal.parents.empty()) j["parent"] = c.proposal.parents[0];
  if (!c.diagnosis.empty()) j["diagnosis"] = c.diagnosis;
  for (const Stage stage : {Stage::kFull, Stage::kQuick})
    if (c.scores[static_cast<int>(stage)] && j["score"].is_null()) j["score"] = c.scores[static_cast<int>(stage)]->mean;
  return j;
}

Result<json> RunJson(const std::string& run, const Problem& problem, const RunPlan& plan, RunDb& db, int top) {
  struct Entry {
    double score;
    int64_t id;
    json head;
    std::string behaviour;
  };
  std::vector<Entry> entries;
  std::deque<json> failures;
  std::map<std::string, int> outcomes;
  OSE_TRY(db.ForEachCandidate(RunDb::With::kScores, [&](const StoredCandidate& c) {
    json head = CandidateHead(c);
    ++outcomes[head["outcome"]];
    if (!c.outcome) return true;
    if (*c.outcome != Outcome::kOk) {
      failures.push_front(std::move(head));
      if (failures.size() > kLastFailures) failures.pop_back();
    } else if (const auto& full = c.scores[static_cast<int>(Stage::kFull)]) {
      entries.push_back({full->mean, c.proposal.id, std::move(head), BehaviourKey(c.object_hash, c.proposal.source)});
    }
    return true;
  }));
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.score != b.score ? a.score > b.score : a.id < b.id; });
  json ranking = json::array();
  std::set<std::string> seen;
  for (Entry& e : entries)
    if (static_cast<int>(ranking.size()) < top && seen.insert(e.behaviour).second) ranking.push_back(std::move(e.head));
  json seeds = json::array();
  for (const SeedPolicy& s : plan.seeds) seeds.push_back(s.name);
  OSE_ASSIGN(RunDb::Counts counts, db.Count());
  OSE_ASSIGN(auto final_result, db.LoadResult("final"));
  return json{{"run", run},
              {"workload", problem.workload.name},
              {"machine", problem.machine.name},
              {"cpus", problem.machine.cpus},
              {"seed", plan.seed},
              {"search_seeds", problem.workload.search_seeds},
              {"seed_policies", seeds},
              {"candidates", counts.candidates},
              {"evaluated", counts.evaluated},
              {"failed", counts.failed},
              {"outcomes", outcomes},
              {"ranking", ranking},
              {"last_failures", failures},
              {"finished", final_result.has_value()},
              {"result", final_result ? json::parse(final_result->json, nullptr, false) : json()}};
}

Result<ParentView> ViewParent(const std::string& run, const Problem& problem, const BoundsBySeed& bounds, const ManualRun& manual,
                              RunDb& db, int64_t id, const Prompt& prompt) {
  OSE_ASSIGN(StoredCandidate c, db.LoadCandidate(id));
  const Evaluation e = EvaluationOf(c);
  const std::string& source = c.proposal.source;
  const Member& best = manual.archive().best();
  json j = CandidateHead(c);
  j["run"] = run;
  j["workload"] = problem.workload.name;
  j["machine"] = problem.machine.name;
  j["cpus"] = problem.machine.cpus;
  j["best"] = {{"id", best.id}, {"score", best.score}};
  j["objectives"] = ObjectivesJson(problem, bounds, e, nullptr);
  j["metrics"] = MetricsJson(e);
  j["blocks"] = json::array();
  if (auto blocks = ParseEvolveBlocks(source); blocks.ok())
    for (const EvolveBlock& b : *blocks) j["blocks"].push_back(b.name);
  j["tunables"] = json::array();
  if (auto tunables = ParseTunables(source); tunables.ok())
    for (const TunableDecl& t : *tunables) j["tunables"].push_back({{"name", t.name}, {"default", t.default_value}, {"min", t.min}, {"max", t.max}});
  j["others"] = json::array();
  std::string others;
  for (const Member& m : manual.archive().members()) {
    if (m.id == id || j["others"].size() >= 8) continue;
    OSE_ASSIGN(StoredCandidate other, db.LoadCandidate(m.id));
    j["others"].push_back(CandidateHead(other));
    others += fmt::format("- candidate {}: score {:.5g}, {}{}\n", m.id, m.score, other.proposal.op, Quoted(other.proposal.note));
  }
  j["source"] = source;
  j["prompt"] = {{"system", prompt.system}, {"user", prompt.user}, {"tokens", prompt.tokens}};

  std::string text = fmt::format("# Candidate {} of {}\n\nMade by {}{}. Score {:.5g}: a percentage of what no policy can beat, higher is better. "
                                 "The best of the run is candidate {} with {:.5g}.\n\n",
                                 id, run, c.proposal.op, Quoted(c.proposal.note), e.MeanScore(), best.id, best.score);
  text += prompt.system + "\n" + prompt.user;
  if (!others.empty()) text += "\n# Other candidates (get_candidate shows their source)\n\n" + others;
  text += fmt::format("\n# How to submit\n\nCall submit_candidate with run \"{}\" and parent {}: your answer, in the form above, as patch, or the complete new file as source; "
                      "say in note what you changed and why.\n", run, id);
  return ParentView{std::move(j), std::move(text)};
}

ParentView ViewVerdict(const Problem& problem, const BoundsBySeed& bounds, const ManualRun& manual, int64_t parent, const Verdict& v) {
  const Evaluation& e = v.evaluation;
  const Member& best = manual.archive().best();
  json j = {{"id", v.id},
            {"parent", parent},
            {"outcome", OutcomeName(e.outcome)},
            {"diagnosis", e.diagnosis},
            {"score", nullptr},
            {"parent_score", v.parent.MeanScore()},
            {"best", {{"id", best.id}, {"score", best.score}}}};
  if (e.outcome != Outcome::kOk) {
    std::string diagnosis = e.diagnosis;
    while (diagnosis.ends_with('\n')) diagnosis.pop_back();
    return {std::move(j), fmt::format("Candidate {} failed: {}\n{}\n\nMend it and submit it again with parent {}; the best of the run is still candidate {} with {:.5g}.\n",
                                      v.id, OutcomeName(e.outcome), diagnosis, parent, best.id, best.score)};
  }
  j["score"] = e.MeanScore();
  j["gain_pct"] = v.gain->mean;
  j["gain_ci95"] = IntervalJson(*v.gain);
  j["is_best"] = v.best;
  j["archived"] = v.archived;
  j["same_as"] = v.same_as ? json(*v.same_as) : json();
  j["objectives"] = ObjectivesJson(problem, bounds, e, &v.parent);
  j["metrics"] = MetricsJson(e);
  std::string text = fmt::format("Candidate {}: score {:.5g}, {} over its parent {} ({:.5g}), paired by seed. ", v.id, e.MeanScore(), GainText(*v.gain), parent, v.parent.MeanScore());
  if (v.same_as) text += fmt::format("It behaves exactly as candidate {}: same object code, same tunables. ", *v.same_as);
  text += v.best ? "It is the best of the run.\n" : fmt::format("The best of the run is candidate {} with {:.5g}.\n", best.id, best.score);
  text += "\n" + ObjectivesText(j["objectives"]);
  return {std::move(j), std::move(text)};
}

}  // namespace ose
