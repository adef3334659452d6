#include "evolve/proof.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "core/exit_code.h"
#include "evolve/minimize.h"

namespace ose {
namespace {

std::vector<std::future<Evaluation>> SubmitAll(Evaluator& evaluator, const std::vector<std::pair<std::string, std::string>>& policies,
                                               const std::vector<uint64_t>& seeds) {
  std::vector<std::future<Evaluation>> futures;
  for (auto& [name, source] : policies)
    futures.push_back(evaluator.Submit({.source = source, .file = name, .seeds = seeds, .skeleton_of = {}}));
  return futures;
}

// Ready results, in order; fails when asked to stop before.
Result<std::vector<Evaluation>> Collect(std::vector<std::future<Evaluation>> futures, const ProofOptions& options) {
  std::vector<Evaluation> out;
  for (auto& f : futures) {
    if (options.on_progress) options.on_progress(static_cast<int>(out.size()), static_cast<int>(futures.size()));
    do {
      if (options.stop && *options.stop) return Error{kExitInterrupted, "interrupted before the winner was proven; go on with --resume"};
    } while (f.wait_for(std::chrono::milliseconds(100)) != std::future_status::ready);
    out.push_back(f.get());
  }
  return out;
}

}  // namespace

Result<Proof> Prove(const ProofOptions& options, const std::vector<RankedCandidate>& ranking,
                    const std::vector<SeedPolicy>& seeds, Evaluator& evaluator) {
  Proof proof;
  // Select.
  std::vector<std::pair<std::string, std::string>> finalists;
  std::vector<const RankedCandidate*> entries;
  for (const RankedCandidate& c : ranking) {
    if (static_cast<int>(entries.size()) >= options.finalists) break;
    entries.push_back(&c);
    finalists.emplace_back(c.name.empty() ? "candidate-" + std::to_string(c.id) + ".cc" : c.name + ".cc", c.source);
  }
  OSE_ASSIGN(std::vector<Evaluation> selected, Collect(SubmitAll(evaluator, finalists, options.select_seeds), options));
  // The best by select score first. The chosen one is simplified and meets the final seeds; one
  // that fails there makes way for the next.
  std::vector<size_t> order;
  for (size_t i = 0; i < entries.size(); ++i)
    if (selected[i].outcome == Outcome::kOk) order.push_back(i);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    double x = selected[a].MeanScore(), y = selected[b].MeanScore();
    return x != y ? x > y : a < b;
  });
  if (order.empty()) return Error{kExitFailure, "no candidate survived the select seeds: " + (selected.empty() ? "" : selected[0].diagnosis)};
  Evaluation winner_final;
  std::string last_failure;
  for (size_t i : order) {
    const RankedCandidate& c = *entries[i];
    proof.winner = c;
    proof.search_score = c.score;
    proof.select_score = selected[i].MeanScore();
    if (options.simplify) {
      std::string simple = options.simplify(c);
      if (simple != c.source) {
        OSE_ASSIGN(auto again, Collect(SubmitAll(evaluator, {{"simpler.cc", simple}}, options.select_seeds), options));
        if (again[0].outcome == Outcome::kOk && NoWorse(PairedGainPct(selected[i].Scores(), again[0].Scores()), MinimizeOptions{}.tolerance_pct)) {
          proof.winner.source = simple;
          proof.select_score = again[0].MeanScore();
        }
      }
    }
    OSE_ASSIGN(auto final_run, Collect(SubmitAll(evaluator, {{"winner.cc", proof.winner.source}}, options.final_seeds), options));
    winner_final = std::move(final_run[0]);
    if (winner_final.outcome == Outcome::kOk) break;
    last_failure = winner_final.diagnosis;
  }
  if (winner_final.outcome != Outcome::kOk)
    return Error{OutcomeExitCode(winner_final.outcome), "no candidate survived the final seeds: " + last_failure};

  // Final.
  std::vector<std::pair<std::string, std::string>> policies;
  for (const SeedPolicy& s : seeds) policies.emplace_back(s.name + ".cc", s.source);
  OSE_ASSIGN(std::vector<Evaluation> rows, Collect(SubmitAll(evaluator, policies, options.final_seeds), options));
  const std::vector<double> mine = winner_final.Scores();
  auto gain_over = [&](const Evaluation& e) { return PairedGainPct(e.Scores(), mine); };
  // A gain over a policy that fails is no number.
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  proof.first.name = seeds[0].name;
  proof.vs_first = {kNone, kNone, kNone};
  for (size_t i = 0; i < seeds.size(); ++i) {
    Evaluation& e = rows[i];
    if (e.outcome != Outcome::kOk) {
      proof.failed.push_back(seeds[i].name + ": " + OutcomeName(e.outcome) + ": " + e.diagnosis);
      continue;
    }
    if (i == 0) {
      proof.first = {seeds[i].name, e.MeanScore(), e};
      proof.vs_first = gain_over(e);
    }
    if (seeds[i].name == options.incumbent) {
      proof.incumbent = seeds[i].name;
      proof.vs_incumbent = gain_over(e);
    }
    proof.baselines.push_back({seeds[i].name, e.MeanScore(), std::move(e)});
  }
  if (proof.baselines.empty()) return Error{kExitFailure, "no hand-written policy survived the final seeds"};
  std::sort(proof.baselines.begin(), proof.baselines.end(), [](const ProvenRow& a, const ProvenRow& b) {
    return a.score != b.score ? a.score > b.score : a.name < b.name;
  });
  const ProvenRow* best = nullptr;
  for (const ProvenRow& row : proof.baselines)
    if (!best && row.name != options.incumbent) best = &row;
  if (!best) best = &proof.baselines.front();
  proof.best_baseline = best->name;
  proof.vs_best_baseline = gain_over(best->evaluation);
  if (proof.incumbent.empty()) {
    proof.incumbent = proof.best_baseline;
    proof.vs_incumbent = proof.vs_best_baseline;
  }
  proof.winner_row = {proof.winner.name.empty() ? "best" : proof.winner.name, winner_final.MeanScore(), std::move(winner_final)};
  return proof;
}

}  // namespace ose
