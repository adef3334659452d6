// Proof: does the winner of a search really win?
//
// The search has looked at its seeds thousands of times, so its scores flatter. Two further
// seed families, never seen by the search, decide:
//   select  the best candidates and hand-written policies race (prove/race.h), one is chosen, and made as
//           simple as it can be. It may become a veteran only if its gain there over the best hand-written
//           one is above zero, at a confidence that is corrected for having picked the best of many;
//   final   the chosen one is compared, seed by seed, with the first seed policy, with the
//           incumbent and with every other hand-written policy. Only these numbers are claimed.
// The chosen policy is one, picked before the final seeds are looked at, so its intervals need no
// correction for choice. The best baseline is picked on the final seeds themselves, which
// flatters the baseline, not the winner.
#ifndef OSEVOLVE_PROVE_PROOF_H_
#define OSEVOLVE_PROVE_PROOF_H_

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "core/stats.h"
#include "eval/evaluator.h"
#include "evolve/evolution.h"

namespace ose {

struct ProofOptions {
  std::vector<uint64_t> select_seeds, final_seeds;
  int finalists = 16;      // candidates that reach the select seeds
  std::string incumbent;   // name of the seed policy that holds the title; "" = the best baseline
  const std::atomic<bool>* stop = nullptr;
  std::function<void(int done, int total)> on_progress;  // policies evaluated
  // Called with the chosen candidate before it meets the final seeds; returns the source that is
  // proven in its place (prove/minimize.h).
  std::function<std::string(const RankedCandidate&)> simplify;
};

struct ProvenRow {
  std::string name;
  double score = 0;  // mean over the final seeds; a percentage of the bound
  Evaluation evaluation;
};

struct Proof {
  RankedCandidate winner;
  double search_score = 0, select_score = 0;
  // Of the winner over the best hand-written policy, per cent, on select seeds, corrected for the choice among
  // `finalists`; NaN when the winner is hand-written.
  Interval select_gain;
  int finalists = 0;
  int64_t select_seeds_run = 0;        // of all finalists together
  ProvenRow winner_row;
  ProvenRow first;                     // the first seed policy
  std::vector<ProvenRow> baselines;    // every seed policy that ran, best first
  std::vector<std::string> failed;     // seed policies that did not, with the reason
  std::string best_baseline, incumbent;
  Interval vs_first, vs_best_baseline, vs_incumbent;  // gain of the winner, per cent
  bool interrupted = false;
};

// `ranking` as Evolution returns it, `seeds` as it was given. Errors when no candidate survives
// the select or final seeds, or when stopped before there is a result (kExitInterrupted).
// Who races on the select seeds, best first: the first `evolved` candidates of a ranking and the first few hand-written
// policies in it. Valid as long as `ranking`.
std::vector<const RankedCandidate*> Finalists(const std::vector<RankedCandidate>& ranking, int evolved);

Result<Proof> Prove(const ProofOptions& options, const std::vector<RankedCandidate>& ranking,
                    const std::vector<SeedPolicy>& seeds, Evaluator& evaluator);

}  // namespace ose

#endif  // OSEVOLVE_PROVE_PROOF_H_
