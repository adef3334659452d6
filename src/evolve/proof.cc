#include "evolve/proof.h"

#include <algorithm>
#include <chrono>

#include "core/exit_code.h"

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
    while (f.wait_for(std::chrono::milliseconds(100)) != std::future_status::ready)
      if (options.stop && *options.stop) return Error{kExitInterrupted, "interrupted before the winner was proven; go on with --resume"};
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
  const RankedCandidate* winner = nullptr;
  for (size_t i = 0; i < entries.size(); ++i) {
    double score = selected[i].MeanScore();
    if (selected[i].outcome != Outcome::kOk || (winner && score <= proof.select_score)) continue;
    winner = entries[i];
    proof.select_score = score;
  }
  if (!winner) return Error{kExitFailure, "no candidate survived the select seeds"};
  proof.winner = *winner;
  proof.search_score = winner->score;
  if (options.simplify) proof.winner.source = options.simplify(*winner);

  // Final.
  std::vector<std::pair<std::string, std::string>> policies = {{"winner.cc", proof.winner.source}};
  for (const SeedPolicy& s : seeds) policies.emplace_back(s.name + ".cc", s.source);
  OSE_ASSIGN(std::vector<Evaluation> rows, Collect(SubmitAll(evaluator, policies, options.final_seeds), options));
  if (rows[0].outcome != Outcome::kOk) return Error{OutcomeExitCode(rows[0].outcome), "the winner failed on final seeds: " + rows[0].diagnosis};
  const std::vector<double> mine = rows[0].Scores();
  auto gain_over = [&](const Evaluation& e) { return PairedGainPct(e.Scores(), mine); };
  for (size_t i = 0; i < seeds.size(); ++i) {
    Evaluation& e = rows[i + 1];
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
  proof.winner_row = {winner->name.empty() ? "best" : winner->name, rows[0].MeanScore(), std::move(rows[0])};
  return proof;
}

}  // namespace ose
