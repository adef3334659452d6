// Minimize: what is left of a winner when everything goes that does not help.
//
// Mutation leaves debris: statements that do nothing, guards that always hold. It costs nothing in
// the search, but a person has to read the result. One piece of the difference to the root policy
// after the other (prove/hunks.h) is taken out: whole changes first, then parts of what was added,
// each from the end of the file to its beginning, until a whole round brings nothing; what failed, or was far
// worse, is not tried again. A piece stays out
// when the policy is no worse than the winner without it and without all that went before.
//
// The final seeds are not looked at, so a claim made on them afterwards holds.
#ifndef OSEVOLVE_PROVE_MINIMIZE_H_
#define OSEVOLVE_PROVE_MINIMIZE_H_

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "core/stats.h"
#include "eval/evaluator.h"
#include "prove/hunks.h"

namespace ose {

struct MinimizeOptions {
  std::vector<uint64_t> seeds;
  double tolerance_pct = 0.05;
  int max_tries = 64;
  const std::atomic<bool>* stop = nullptr;  // return what there is
  std::function<void(int tries, int dropped)> on_progress;
};

struct Minimized {
  std::string source;
  int tries = 0, steps = 0;  // tried, successful
};

// Whether a paired gain says "as good as before": the mean is not below -tolerance, and the interval
// either includes zero or lies above -tolerance. In a long line of tries a small loss would
// otherwise pass each time; all are compared with the same winner, so losses do not add up.
bool NoWorse(const Interval& gain_pct, double tolerance_pct);

// `root` is the hand-written policy that `winner` descends from. Deterministic, but for `stop`. The
// winner itself when it fails, or does not share its skeleton with the root.
Minimized Minimize(const MinimizeOptions& options, const std::string& root, const std::string& winner, Evaluator& evaluator);

// The sources that one step makes of `source`, in the order in which they are tried.
std::vector<std::string> SimplerSources(const std::string& root, const std::string& source);

}  // namespace ose

#endif  // OSEVOLVE_PROVE_MINIMIZE_H_
