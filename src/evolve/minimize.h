// Minimize: what is left of a winner when everything goes that does not help.
//
// Mutation leaves debris: statements that do nothing, guards that always hold. It costs nothing in
// the search, but a person has to read the result. Two kinds of steps are tried, from the end of the
// file to its beginning, until none succeeds: undoing one change against the root policy, and, in
// lines that the root does not have, deleting a statement or taking the `if` off a block.
// A step stays when the mean score on the search seeds does not fall by more than `tolerance`.
//
// The final seeds are not looked at, so a claim made on them afterwards holds.
#ifndef OSEVOLVE_EVOLVE_MINIMIZE_H_
#define OSEVOLVE_EVOLVE_MINIMIZE_H_

#include <atomic>
#include <string>
#include <vector>

#include "eval/evaluator.h"

namespace ose {

struct MinimizeOptions {
  std::vector<uint64_t> seeds;
  double tolerance = 1e-5;  // relative
  int max_tries = 64;
  const std::atomic<bool>* stop = nullptr;  // return what there is
};

struct Minimized {
  std::string source;
  int tries = 0, steps = 0;  // tried, successful
};

// `root` is the hand-written policy that `winner` descends from. Deterministic, but for `stop`.
Minimized Minimize(const MinimizeOptions& options, const std::string& root, const std::string& winner, Evaluator& evaluator);

// The sources that one step makes of `source`, last position first. Exposed for tests.
std::vector<std::string> SimplerSources(const std::string& root, const std::string& source);

}  // namespace ose

#endif  // OSEVOLVE_EVOLVE_MINIMIZE_H_
