// Explanation: what each change of an evolved policy does, as measured by leaving it out
// (prove/explain.h finds it, report/explain_text.h says it).
#ifndef OSEVOLVE_CORE_EXPLANATION_H_
#define OSEVOLVE_CORE_EXPLANATION_H_

#include <optional>
#include <string>
#include <vector>

#include "core/candidate.h"

namespace ose {

// One changed piece of text.
struct ExplainedChange {
  std::string kind;             // added, removed, replaced, tunable, guard
  std::string block, function;  // evolve block and hook, "" for a tunable outside
  std::string before, after;
  // Of a changed argument or head the statement around it, now and before; of a tunable its name; of a guard
  // its condition and, when without it the other branch is left, the branch under it.
  std::string context, context_before;
  int line = 0;                 // of the explained policy, from 1
};

// A part of an added statement: a branch, a statement, the condition around it.
struct ExplainedPart {
  ExplainedChange change;
  Evaluation without;  // the policy without it; always ok
};

// Changes that belong together: a statement with the declarations that only it uses.
struct ExplainedHunk {
  std::vector<ExplainedChange> changes;
  bool shared = false;             // declarations that several hunks use: nothing by themselves, and not measured
  std::vector<int> goes_with;      // hunks that cannot stay without it, by index: `without` lacks them, too
  std::vector<int> needs;          // hunks that it cannot be there without: `alone` has them, too
  std::optional<Evaluation> without;  // the policy without it; not ok when that fails
  std::optional<Evaluation> alone;    // the seed policy with it alone; likewise
  std::vector<ExplainedPart> parts;
};

struct Explanation {
  std::string source;  // the policy without what does nothing
  Evaluation seed, policy, minimized;  // of the seed policy, of the policy as it was given, of `source`
  std::vector<ExplainedHunk> hunks;    // of `source` against the seed policy, in its order
  std::vector<ExplainedChange> dropped;  // what `source` lacks, with lines of the policy that was given
  double tolerance_pct = 0;
  int evaluations = 0;  // variants that were measured
};

}  // namespace ose

#endif  // OSEVOLVE_CORE_EXPLANATION_H_
