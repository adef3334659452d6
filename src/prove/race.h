// Race: which of several policies is best, with seeds only where the ranking is open.
//
// All start on a first block of seeds. After each block those leave that are worse than the leader beyond
// doubt: the interval of the gain over the leader, paired by seed, lies below zero, at a confidence that is
// corrected (Bonferroni) for the number of comparisons of the whole race, so that the chance to lose the truly
// best one in the race stays below 1 - confidence. Those that remain run the next block. Cf. Maron and Moore,
// "Hoeffding races", 1994; Birattari et al., "A racing algorithm for configuring metaheuristics", 2002.
#ifndef OSEVOLVE_PROVE_RACE_H_
#define OSEVOLVE_PROVE_RACE_H_

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "core/stats.h"
#include "eval/evaluator.h"

namespace ose {

struct RaceEntry {
  std::string file, source;
};

struct RaceOptions {
  std::vector<uint64_t> seeds;
  int block = 8;              // seeds; the first block is at least 4 of them
  double confidence = 0.95;
  const std::atomic<bool>* stop = nullptr;  // kExitInterrupted
  std::function<void(int done, int total)> on_progress;  // entries of a round
};

struct RaceResult {
  // By entry: on the seeds that it ran, from the first on.
  std::vector<Evaluation> evaluations;
  // Entries that did not fail, best first: those that ran all seeds by score, then the others, the later they
  // left, the earlier.
  std::vector<size_t> order;
  int64_t seeds_run = 0;      // of all entries
};

Result<RaceResult> Race(const RaceOptions& options, const std::vector<RaceEntry>& entries, Evaluator& evaluator);

}  // namespace ose

#endif  // OSEVOLVE_PROVE_RACE_H_
