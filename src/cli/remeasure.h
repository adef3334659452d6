// A policy that somebody says is good, measured here: on fresh `final` seeds of its workload and machine against whoever
// holds the title, and promoted only if it beats that one (KnowledgeBase::PromoteVeteran).
#ifndef OSEVOLVE_CLI_REMEASURE_H_
#define OSEVOLVE_CLI_REMEASURE_H_

#include <functional>
#include <string>

#include "cli/context.h"
#include "cli/knowledge.h"
#include "core/stats.h"

namespace ose {

struct Remeasured {
  bool measured = false;  // here and now
  bool veteran = false;   // it is the veteran now
  std::string incumbent;  // name of the policy that it was compared with
  Interval gain;          // over it, paired, per cent
  int seeds = 0;
  double score = 0;
  std::string reason;     // why it is no veteran, or why it was not measured
};

struct RemeasureOptions {
  uint64_t seed_base = 0;  // an author who knew the seeds could have fitted the policy to them
  int jobs = 0;            // 0: one per CPU
  std::function<void(const std::string& text)> on_progress;
};

// `policy` (its hash), workload and machine are in the base. The opponent is the current veteran, or the best hand-written policy on these seeds when there
// is none. What both of them have been measured on together once is not repeated on other seeds: who tries often enough
// is lucky once. An error is one of this machine, not of the policy; kExitInterrupted.
Result<Remeasured> Remeasure(const Context& context, Knowledge& knowledge, const Problem& problem, const std::string& policy,
                             const RemeasureOptions& options);

}  // namespace ose

#endif  // OSEVOLVE_CLI_REMEASURE_H_
