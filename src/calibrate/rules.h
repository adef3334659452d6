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

// Policies that call a service `calls` times more at a switch than the policy `beyond` does.
struct ServiceRule {
  const char *rule, *key, *beyond;  // `key`: of [service]
  int calls;
  const char* what;  // the calls
};
inline constexpr ServiceRule kServiceRules[] = {
    {"general", "general", kRulePlain, 16, "this_cpu() and cpu_state()"},
    {"now", "now", kRulePlain, 8, "now()"},
    {"field", "task_field", kRulePlain, 8, "run_total()"},
    {"timer", "timer_start", kRulePlain, 1, "timer_start()"},
    {"length", "dsq_length", kRuleQueue, 8, "dsq_nr_queued()"},
    {"peek", "dsq_peek", kRuleQueue, 8, "dsq_peek()"},
    {"pick", "pick_idle", kRulePlain, 8, "pick_idle(), at most one of which finds a CPU"},
    {"claim", "claim_idle", kRulePlain, 8, "claim_idle() of a busy CPU"},
    {"vtime", "dsq_insert_vtime", kRuleQueue, 1, "insert_vtime() in the place of insert()"},
    {"empty", "dsq_empty", kRuleQueue, 8, "dsq_move_to_local() of an empty queue"},
};

// All, in the order of RuleOptions::objects.
std::vector<std::string> RuleNames();

struct RuleOptions {
  std::string live_program;          // osevolve-live
  std::vector<std::string> objects;  // of `osevolve build-bpf`, in the order of RuleNames(); empty: not to be measured
  std::string why_not = "no sched_ext here";  // for comments, when there are none
};

// Whether this process may attach policies; else why not, for RuleOptions::why_not.
bool MayAttach(std::string* why_not);

// Attaches each in turn and probes the yields: series of ProbeYield with "plain_" and so on before them.
Status ProbeRules(const RuleOptions& rules, const ProbeBench& bench, Samples* samples);

// The keys hook, dsq_op, kick and sched_ext_switch, and those of kServiceRules.
std::vector<Recipe> RuleRecipes(const RuleOptions& rules);

}  // namespace ose

#endif  // OSEVOLVE_CALIBRATE_RULES_H_
