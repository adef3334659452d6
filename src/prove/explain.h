// Explain: what each change of an evolved policy does.
//
//   minimise -> hunks -> leave one out, add one in -> effects paired by seed
//
// First what does nothing is dropped (prove/minimize.h). Each hunk of what is left
// (prove/hunks.h) is then left out of the policy, and, alone with the declarations that it
// needs, put into the seed policy. A hunk that cannot be left out, because the rest does not compile
// or breaks a rule without it, is joined with another one of its block or hook, or with all of them.
// Parts of large hunks are left out, too.
//
// All variants run on the same seeds, so effects are paired. What is dropped is chosen on other seeds, so that
// what is said of the smaller policy is no choice of the luckiest; if it turns out to be worse, nothing is dropped.
#ifndef OSEVOLVE_PROVE_EXPLAIN_H_
#define OSEVOLVE_PROVE_EXPLAIN_H_

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "core/explanation.h"
#include "eval/evaluator.h"

namespace ose {

struct ExplainOptions {
  std::vector<uint64_t> seeds;
  std::vector<uint64_t> minimize_seeds;  // empty: nothing is dropped
  std::string seed_file = "seed.cc", policy_file = "policy.cc";  // name them in messages
  double tolerance_pct = 0.1;  // what counts as no effect on the score (NoWorse)
  bool parts = true;
  int max_tries = 500;         // of the minimiser
  const std::atomic<bool>* stop = nullptr;
  std::function<void(const std::string& doing, int done, int total)> on_progress;  // total 0: not known
};

// Errors: the policies do not share their skeleton or are the same code (kExitUsage), one of them
// fails (its outcome's code), stopped (kExitInterrupted).
Result<Explanation> Explain(const ExplainOptions& options, const std::string& seed, const std::string& policy, Evaluator& evaluator);

}  // namespace ose

#endif  // OSEVOLVE_PROVE_EXPLAIN_H_
