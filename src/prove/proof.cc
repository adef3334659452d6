#include "prove/proof.h"

#include <algorithm>
#include <limits>

#include "core/exit_code.h"
#include "eval/collect.h"
#include "prove/minimize.h"
#include "prove/race.h"

namespace ose {
namespace {

constexpr int kWrittenFinalists = 3;

std::vector<std::future<Evaluation>> SubmitAll(Evaluator& evaluator, const std::vector<std::pair<std::string, std::string>>& policies,
                                               const std::vector<uint64_t>& seeds) {
  std::vector<std::future<Evaluation>> futures;
  for (auto& [name, source] : policies)
    futures.push_back(evaluator.Submit({.source = source, .file = name, .seeds = seeds, .skeleton_of = {}}));
  return futures;
}

Result<std::vector<Evaluation>> Collect(std::vector<std::future<Evaluation>> futures, const ProofOptions& options) {
  return CollectEvaluations(std::move(futures), {.stop = options.stop, .interrupted = "interrupted before the winner was proven; go on with --resume", .on_progress = options.on_progress});
}

// How far `winner` is above the hand-written policy that came furthest, on the seeds that both ran; the
// interval is corrected for having picked the winner among all entries. NaN when it is hand-written itself.
Interval SelectGain(const RaceResult& raced, const std::vector<const RankedCandidate*>& entries, const RankedCandidate& winner, const Evaluation& evaluation) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (!winner.name.empty()) return {kNone, kNone, kNone};
  for (size_t i : raced.order) {
    if (entries[i]->name.empty()) continue;
    std::vector<double> mine = evaluation.Scores(), theirs = raced.evaluations[i].Scores();
    const size_t n = std::min(mine.size(), theirs.size());
    mine.resize(n);
    theirs.resize(n);
    return PairedGainPct(theirs, mine, 1 - 0.05 / static_cast<double>(entries.size()));
  }
  return {kNone, kNone, kNone};
}

}  // namespace

std::vector<const RankedCandidate*> Finalists(const std::vector<RankedCandidate>& ranking, int evolved) {
  std::vector<const RankedCandidate*> chosen;
  int written = kWrittenFinalists;
  for (const RankedCandidate& c : ranking) {
    int& left = c.name.empty() ? evolved : written;
    if (left-- > 0) chosen.push_back(&c);
  }
  return chosen;
}

Result<Proof> Prove(const ProofOptions& options, const std::vector<RankedCandidate>& ranking,
                    const std::vector<SeedPolicy>& seeds, Evaluator& evaluator) {
  Proof proof;
  // Select: a race of the best candidates and the best hand-written policies.
  std::vector<RaceEntry> field;
  const std::vector<const RankedCandidate*> entries = Finalists(ranking, options.finalists);
  for (const RankedCandidate* c : entries) field.push_back({c->name.empty() ? "candidate-" + std::to_string(c->id) + ".cc" : c->name + ".cc", c->source});
  RaceOptions race;
  race.seeds = options.select_seeds;
  race.stop = options.stop;
  race.on_progress = options.on_progress;
  OSE_ASSIGN(RaceResult raced, Race(race, field, evaluator));
  const std::vector<Evaluation>& selected = raced.evaluations;
  const std::vector<size_t>& order = raced.order;
  if (order.empty()) return Error{kExitFailure, "no candidate survived the select seeds: " + (selected.empty() ? "" : selected[0].diagnosis)};
  proof.finalists = static_cast<int>(entries.size());
  proof.select_seeds_run = raced.seeds_run;
  Evaluation winner_final;
  std::string last_failure;
  for (size_t i : order) {
    const RankedCandidate& c = *entries[i];
    proof.winner = c;
    proof.search_score = c.score;
    // What is claimed is the simplified winner, which now and then is much the better: a rule that did harm is gone. It is made
    // on search seeds, so nothing is picked on these.
    std::vector<Evaluation> again;
    const Evaluation* chosen = &selected[i];
    if (std::string simple = options.simplify ? options.simplify(c) : c.source; simple != c.source) {
      OSE_ASSIGN(again, Collect(SubmitAll(evaluator, {{"simpler.cc", simple}}, options.select_seeds), options));
      if (again[0].outcome == Outcome::kOk && NoWorse(PairedGainPct(selected[i].Scores(), again[0].Scores()), MinimizeOptions{}.tolerance_pct)) {
        proof.winner.source = simple;
        chosen = &again[0];
      }
    }
    proof.select_score = chosen->MeanScore();
    proof.select_gain = SelectGain(raced, entries, c, *chosen);
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
