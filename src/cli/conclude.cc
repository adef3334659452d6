#include "cli/conclude.h"

#include <fmt/format.h>

#include <cmath>

#include "base/file.h"
#include "cli/generality.h"
#include "core/diff.h"
#include "prove/minimize.h"
#include "prove/proof.h"
#include "report/rows.h"
#include "report/side_effects.h"

namespace ose {
namespace {

using nlohmann::json;

json ArmsJson(const std::vector<Bandit::Arm>& arms) {
  json rows = json::array();
  for (const Bandit::Arm& a : arms)
    if (a.total_plays > 0) rows.push_back({{"operator", a.name}, {"proposals", a.total_plays}, {"reward", a.total_reward}});
  return rows;
}

// The values of the objectives, as the metrics' units have them.
json FrontJson(const Problem& problem, const std::vector<ParetoEntry>& front) {
  json rows = json::array();
  for (const ParetoEntry& e : front) {
    json objectives = json::object();
    for (size_t i = 0; i < e.objectives.size(); ++i) {
      const Objective& o = problem.workload.objectives[i];
      objectives[o.metric] = std::exp(o.direction == Direction::kMaximize ? -e.objectives[i] : e.objectives[i]);
    }
    rows.push_back({{"candidate", e.id}, {"search_score", e.score}, {"objectives", objectives}});
  }
  return rows;
}

json EvolveJson(const std::string& out, const Problem& problem, const EvolutionResult& search, const Proof& proof,
                const std::vector<NeighbourGain>& neighbours, const std::vector<MetricEffect>& side_effects, const std::string& best_path,
                int diff_lines, bool veteran, double wall_s) {
  json baselines = json::array();
  for (const ProvenRow& row : proof.baselines) baselines.push_back({{"policy", row.name}, {"score", row.score}});
  return {{"run", out},
          {"workload", problem.workload.name},
          {"evaluations", search.evaluations},
          {"compile_failures", search.compile_failures},
          {"failures", search.failures},
          {"duplicates", search.duplicates},
          {"redrawn", search.redrawn},
          {"rechecked", search.rechecked},
          {"restarts", search.restarts},
          {"operators", ArmsJson(search.arms)},
          {"front", FrontJson(problem, search.front)},
          {"resumed", search.resumed},
          {"models", {{"calls", search.models.calls}, {"candidates", search.models.candidates}, {"unusable", search.models.unusable}, {"usd", search.models.usd}}},
          {"interrupted", search.interrupted},
          {"wall_s", wall_s},
          {"best",
           {{"policy", best_path},
            {"candidate", proof.winner.id},
            {"score", proof.winner_row.score},
            {"search_score", proof.search_score},
            {"select_score", proof.select_score},
            {"diff_lines", diff_lines},
            {"metrics", MetricsJson(proof.winner_row.evaluation)}}},
          {"baselines", baselines},
          {"failed_baselines", proof.failed},
          {"seed_policy", proof.first.name},
          {"best_baseline", proof.best_baseline},
          {"gain_pct_vs_seed", proof.vs_first.mean},
          {"gain_ci95_vs_seed", IntervalJson(proof.vs_first)},
          {"gain_pct_vs_best_baseline", proof.vs_best_baseline.mean},
          {"ci95", IntervalJson(proof.vs_best_baseline)},
          {"select_gain_ci95", IntervalJson(proof.select_gain)},
          {"finalists", proof.finalists},
          {"select_seeds_run", proof.select_seeds_run},
          {"neighbours", GeneralityJson(neighbours)},
          {"side_effects", SideEffectsJson(side_effects)},
          {"final_seeds", proof.winner_row.evaluation.seeds.size()},
          {"pct_of_bound", proof.winner_row.score},
          {"veteran", veteran}};
}

std::string Summary(const Problem& problem, const EvolutionResult& search, const Proof& proof, const std::string& out,
                    const std::vector<NeighbourGain>& neighbours, const std::vector<MetricEffect>& side_effects, const std::string& archived,
                    int diff_lines, double wall_s) {
  ReportHead head{problem.workload.name, "sim", problem.machine.name, problem.machine.cpus,
                  fmt::format("final:{}", proof.winner_row.evaluation.seeds.size())};
  std::vector<ReportRow> rows;
  rows.push_back({"best", proof.winner_row.evaluation, "", {}});
  for (const ProvenRow& row : proof.baselines) rows.push_back({row.name, row.evaluation, "", {}});
  std::string text = RowsTable(head, problem.workload.objectives, rows);
  for (const std::string& f : proof.failed) text += fmt::format("left out, since it fails here: {}\n", f);
  text += fmt::format("\ngain over {:<12} {}\ngain over {:<12} {}   (best hand-written)\n", proof.first.name, GainText(proof.vs_first),
                      proof.best_baseline, GainText(proof.vs_best_baseline));
  if (proof.incumbent != proof.first.name && proof.incumbent != proof.best_baseline)
    text += fmt::format("gain over {:<12} {}   (known veteran)\n", proof.incumbent, GainText(proof.vs_incumbent));
  text += fmt::format("score on search / select / final seeds: {:.2f} / {:.2f} / {:.2f} % of the bound\n", proof.search_score,
                      proof.select_score, proof.winner_row.score);
  text += SideEffectsText(side_effects, proof.best_baseline);
  text += GeneralityText(neighbours, proof.best_baseline);
  text += fmt::format("{} evaluations in {:.1f} s, {} did not compile, {} failed otherwise, {} behaved like an earlier one\n", search.evaluations, wall_s,
                      search.compile_failures, search.failures - search.compile_failures, search.duplicates);
  text += fmt::format("{}/best.cc  (differs from its hand-written root in {} lines: {}/best.diff)\n{}\n", out, diff_lines, out, archived);
  return text;
}

}  // namespace

Result<Conclusion> Conclude(const ConcludeOptions& options, const Problem& problem, const RunPlan& plan,
                            const EvolutionResult& search, Evaluator& evaluator, RunDb& db, Knowledge* knowledge) {
  auto progress = [&](const std::string& text, bool force) {
    if (options.on_progress) options.on_progress(text, force);
  };
  // The best so far is there whatever happens from now on.
  if (!search.ranking.empty()) OSE_TRY(WriteFileAtomic(JoinPath(options.out, "best.cc"), search.ranking[0].source));
  ProofOptions prove;
  prove.select_seeds = MakeSeeds(SeedFamily::kSelect, plan.seed, problem.workload.select_seeds);
  prove.final_seeds = MakeSeeds(SeedFamily::kFinal, plan.seed, problem.workload.final_seeds);
  prove.incumbent = plan.incumbent;
  prove.stop = options.stop_proof;
  prove.on_progress = [&](int done, int total) {
    progress(fmt::format("proving on unseen seeds: {} of {} policies", done, total), done == 0);
  };
  prove.simplify = [&](const RankedCandidate& winner) {
    if (!winner.name.empty()) return winner.source;
    progress("taking out of the winner what does not help", true);
    MinimizeOptions minimize;
    minimize.seeds = SearchSeeds(problem, plan);
    minimize.stop = options.stop;
    return Minimize(minimize, plan.seeds[static_cast<size_t>(winner.root)].source, winner.source, evaluator).source;
  };
  // After Ctrl-C in the search the best so far is still proven; a second one ends the process.
  OSE_ASSIGN(Proof proof, Prove(prove, search.ranking, plan.seeds, evaluator));
  // Held-out neighbours; a hand-written winner has nothing to show there.
  std::vector<NeighbourGain> neighbours;
  for (const SeedPolicy& s : plan.seeds) {
    if (s.name != proof.best_baseline || !proof.winner.name.empty()) continue;
    progress("trying the winner on neighbours of the workload", true);
    std::vector<uint64_t> seeds = prove.final_seeds;
    seeds.resize(std::min<size_t>(seeds.size(), 8));
    OSE_ASSIGN(neighbours, Generality(problem, proof.winner.source, s.source, seeds, evaluator, options.stop_proof));
  }
  if (options.on_proven) options.on_proven();

  // Files.
  const SeedPolicy& root = plan.seeds[static_cast<size_t>(proof.winner.root)];
  const std::string best_path = JoinPath(options.out, "best.cc");
  const int diff_lines = DiffLines(root.source, proof.winner.source);
  OSE_TRY(WriteFileAtomic(best_path, proof.winner.source));
  OSE_TRY(WriteFileAtomic(JoinPath(options.out, "best.diff"), UnifiedDiff(root.source, proof.winner.source, root.name + ".cc", "best.cc")));
  std::string archived = options.not_archived;
  bool veteran = false;
  if (knowledge) {
    auto promotion = knowledge->Archive(problem, proof, plan.seeds, plan.seed);
    if (!promotion.ok()) {
      Error e = promotion.error();
      e.message += "; the run is kept: archive its winner " + best_path + " with: " + options.go_on;
      return e;
    }
    veteran = promotion->promoted;
    archived = promotion->promoted ? "archived as the veteran of this workload (osevolve gkb show " + promotion->veteran.substr(0, 12) + ")"
                                   : "no new veteran: " + promotion->reason;
  }
  std::vector<MetricEffect> side_effects;
  for (const ProvenRow& row : proof.baselines)
    if (row.name == proof.best_baseline) side_effects = SideEffects(problem.workload.objectives, row.evaluation, proof.winner_row.evaluation);
  const double wall_s = (MonotonicNow() - options.started).s();
  json result = EvolveJson(options.out, problem, search, proof, neighbours, side_effects, best_path, diff_lines, veteran, wall_s);
  json deterministic = result;
  deterministic.erase("wall_s");
  deterministic.erase("run");
  deterministic.erase("resumed");
  deterministic.erase("redrawn");  // what was redrawn before a kill is not known
  deterministic.erase("models");  // the calls are in rows of their own
  deterministic["best"].erase("policy");
  OSE_TRY(db.SaveResult("final", {.json = deterministic.dump(), .json_wall = json{{"wall_s", wall_s}}.dump()}));
  OSE_TRY(WriteFileAtomic(JoinPath(options.out, "metrics.json"), result.dump(2) + "\n"));
  std::string summary = Summary(problem, search, proof, options.out, neighbours, side_effects, archived, diff_lines, wall_s);
  return Conclusion{std::move(result), std::move(summary)};
}

}  // namespace ose
