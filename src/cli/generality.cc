#include "cli/generality.h"

#include <fmt/format.h>

#include "base/json.h"
#include "eval/collect.h"
#include "report/rows.h"
#include "workload/neighbours.h"

namespace ose {
namespace {

// A ratio of scores does not depend on the bounds (core/score.h): ones will do.
std::vector<double> Scores(const std::vector<Objective>& objectives, const Evaluation& e) {
  Metrics ones;
  for (const Objective& o : objectives) ones[o.metric] = 1;
  std::vector<double> scores;
  for (const SeedResult& s : e.seeds) scores.push_back(Score(objectives, s.metrics, ones));
  return scores;
}

}  // namespace

Result<std::vector<NeighbourGain>> Generality(const Problem& problem, const std::string& source, const std::string& baseline,
                                              const std::vector<uint64_t>& seeds, Evaluator& evaluator, const std::atomic<bool>* stop) {
  const std::vector<Neighbour> neighbours = Neighbours(problem.workload, problem.machine.cpus);
  std::vector<std::future<Evaluation>> futures;
  for (const Neighbour& n : neighbours)
    for (const std::string* policy : {&source, &baseline})
      futures.push_back(evaluator.Submit({.source = *policy, .file = policy == &source ? "best.cc" : "baseline.cc", .seeds = seeds, .skeleton_of = {}, .workload = FormatWorkload(n.workload)}));
  OSE_ASSIGN(std::vector<Evaluation> ran, CollectEvaluations(std::move(futures), {.stop = stop, .interrupted = "interrupted before the winner was tried on neighbours of the workload", .on_progress = {}}));
  std::vector<NeighbourGain> gains;
  for (size_t i = 0; i < neighbours.size(); ++i) {
    const Evaluation &mine = ran[2 * i], &theirs = ran[2 * i + 1];
    if (theirs.outcome != Outcome::kOk) continue;
    NeighbourGain g;
    g.neighbour = neighbours[i].name;
    if (mine.outcome != Outcome::kOk) g.failure = std::string(OutcomeName(mine.outcome)) + ": " + mine.diagnosis;
    else g.gain = PairedGainPct(Scores(problem.workload.objectives, theirs), Scores(problem.workload.objectives, mine));
    gains.push_back(std::move(g));
  }
  return gains;
}

std::string GeneralityText(const std::vector<NeighbourGain>& gains, const std::string& baseline) {
  if (gains.empty()) return "";
  std::string text = fmt::format("on neighbours of the workload, which the search did not see, over {}:\n", baseline);
  for (const NeighbourGain& g : gains) text += fmt::format("  {:<13} {}\n", g.neighbour, g.failure.empty() ? GainText(g.gain) : "fails: " + g.failure);
  return text;
}

nlohmann::json GeneralityJson(const std::vector<NeighbourGain>& gains) {
  nlohmann::json rows = nlohmann::json::array();
  for (const NeighbourGain& g : gains) {
    nlohmann::json row = {{"neighbour", g.neighbour}};
    if (g.failure.empty()) row.update({{"gain_pct", g.gain.mean}, {"ci95", IntervalJson(g.gain)}});
    else row["failure"] = g.failure;
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace ose
