// Rules: what policies cost in the kernel, by attaching small ones for a moment each (policies/calibrate/*.cc) and
// timing the same switches under them.
#ifndef OSEVOLVE_CALIBRATE_RULES_H_
#define OSEVOLVE_CALIBRATE_RULES_H_

#include <string>
#include <vector>

#include "base/result.h"
#include "calibrate/figures.h"
#include "calibrate/probes.h"

namespace ose {

// The policies, by what they do at a switch beyond the one before them.
inline constexpr const char* kRulePlain = "plain";  // one hook, one insertion into the CPU's own queue
inline constexpr const char* kRuleHooks = "hooks";  // ... and two more hooks that do next to nothing
inline constexpr const char* kRuleQueue = "queue";  // plain, but through a shared queue: one more hook, one more queue operation
inline constexpr const char* kRuleKick = "kick";    // plain, and a kick of another CPU
inline constexpr const char* kRuleCalls = "calls";  // plain, and kRuleCallsMade calls that read something
inline constexpr int kRuleCallsMade = 25;           // 24 and the task's state
inline constexpr const char* kRuleNames[] = {kRulePlain, kRuleHooks, kRuleQueue, kRuleKick, kRuleCalls};

struct RuleOptions {
  std::string live_program;          // osevolve-live
  std::vector<std::string> objects;  // of `osevolve build-bpf`, in the order of kRuleNames; empty: not to be measured
  std::string why_not = "no sched_ext here";  // for comments, when there are none
};

// Whether this process may attach policies; else why not, for RuleOptions::why_not.
bool MayAttach(std::string* why_not);

// Attaches each in turn and probes the yields: series of ProbeYield with "plain_" and so on before them.
Status ProbeRules(const RuleOptions& rules, const ProbeBench& bench, Samples* samples);

// The keys hook, dsq_op, kick, sched_ext_switch and [service] general.
std::vector<Recipe> RuleRecipes(const RuleOptions& rules);

}  // namespace ose

#endif  // OSEVOLVE_CALIBRATE_RULES_H_
