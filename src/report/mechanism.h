// Mechanism: what a change of a policy does, in words, from its code alone: the services that it calls,
// the properties of a task that it reads, the state that it writes. The words come from a table of the
// policy API (include/osevolve/policy.h); what is not in it is quoted. Nothing is said about whether it helps.
#ifndef OSEVOLVE_REPORT_MECHANISM_H_
#define OSEVOLVE_REPORT_MECHANISM_H_

#include <string>
#include <string_view>
#include <vector>

#include "core/candidate.h"
#include "core/explanation.h"

namespace ose {

// What code does and looks at, each once, in the order of the text: "puts the task into kQueue with a
// slice of slice_ns (20 ms)"; "CPU time used so far".
struct Mechanism {
  std::vector<std::string> actions, reads;
};
// `tunables` gives the values of names that stand for durations.
Mechanism MechanismOf(std::string_view code, const Tunables& tunables);

// The changes of one hunk, or one part of it, as one phrase with the hook before it:
// "enqueue: puts ... (before: ...); looks at ...".
std::string DescribeChanges(const std::vector<ExplainedChange>& changes, const Tunables& tunables);

// One line, at most `width` characters.
std::string QuoteCode(std::string_view code, size_t width = 72);

// "1.25 us".
std::string DurationText(double ns);

}  // namespace ose

#endif  // OSEVOLVE_REPORT_MECHANISM_H_
