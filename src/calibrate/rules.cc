#include "calibrate/rules.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <string_view>

#include "base/file.h"
#include "base/subprocess.h"
#include "core/exit_code.h"

namespace ose {
namespace {

constexpr char kState[] = "/sys/kernel/sched_ext/state";
constexpr double kCost = 0.25;
const Nanos kPatience = Nanos::Seconds(30);  // the verifier takes seconds in an emulated machine

bool StateIs(const char* state) {
  auto text = ReadFile(kState, 1 << 16);  // sysfs says that its files have 4096 bytes
  return text.ok() && text->starts_with(state);
}

// A switch under a policy, all told, less the yields' system calls.
double SwitchUnder(const SampleView& v, const std::string& policy) {
  const std::string prefix = policy.empty() ? "" : policy + "_";
  return v.Quantile(prefix + "yield_ns_per_switch", kCost) - v.Quantile(prefix + "yields_per_switch", 0.5) * v.Quantile("call", kCost);
}

double Hook(const SampleView& v) { return (SwitchUnder(v, kRuleHooks) - SwitchUnder(v, kRulePlain)) / 2; }
double DsqOp(const SampleView& v) { return SwitchUnder(v, kRuleQueue) - SwitchUnder(v, kRulePlain) - Hook(v); }
// Of a service; an insertion by vtime takes the place of another one.
double CallOf(const SampleView& v, const ServiceRule& r) {
  const double more = (SwitchUnder(v, r.rule) - SwitchUnder(v, r.beyond)) / r.calls;
  return std::string_view(r.key) == "dsq_insert_vtime" ? DsqOp(v) + more : more;
}
double KickOf(const SampleView& v) { return SwitchUnder(v, kRuleKick) - SwitchUnder(v, kRulePlain); }
double SchedExtSwitch(const SampleView& v) { return SwitchUnder(v, kRulePlain) - SwitchUnder(v, "") - Hook(v) - DsqOp(v); }

}  // namespace

std::vector<std::string> RuleNames() {
  std::vector<std::string> names = {kRulePlain, kRuleHooks, kRuleQueue, kRuleKick};
  for (const ServiceRule& r : kServiceRules) names.push_back(r.rule);
  return names;
}

bool MayAttach(std::string* why_not) {
  if (!FileExists(kState)) *why_not = "the kernel has no sched_ext; `osevolve vm -- osevolve calibrate` measures that of the VM";
  else if (geteuid() != 0) *why_not = "attaching a policy takes root";
  else if (!StateIs("disabled")) *why_not = "another sched_ext scheduler is attached";
  else return true;
  return false;
}

Status ProbeRules(const RuleOptions& rules, const ProbeBench& bench, Samples* samples) {
  const std::vector<std::string> names = RuleNames();
  for (size_t i = 0; i < rules.objects.size(); ++i) {
    SubprocessOptions run;
    run.argv = {rules.live_program, "run", "--object", rules.objects[i]};
    run.stderr_to = ChildOutput::kCapture;
    OSE_ASSIGN(Subprocess live, Subprocess::Start(run));
    const Nanos limit = MonotonicNow() + kPatience;
    while (!StateIs("enabled")) {
      if (live.Wait(Nanos::Millis(10)) || MonotonicNow() > limit)
        return Error{kExitVerifier, fmt::format("the policy '{}' was not attached: {}", names[i], live.TakeStderr())};
    }
    ProbeYield(bench, samples, fmt::format("{}_", names[i]));
    const bool ruled = StateIs("enabled");
    kill(live.pid(), SIGINT);
    (void)live.Wait(kPatience);
    if (!ruled) return Error{kExitVerifier, fmt::format("the kernel ejected the policy '{}': {}", names[i], live.TakeStderr())};
    for (const Nanos until = MonotonicNow() + kPatience; !StateIs("disabled") && MonotonicNow() < until;) usleep(10'000);
  }
  return {};
}

std::vector<Recipe> RuleRecipes(const RuleOptions& rules) {
  if (rules.objects.empty()) {
    std::vector<Recipe> none;
    for (const char* key : {"hook", "dsq_op", "sched_ext_switch"}) none.push_back({"cost", key, "ns", 0, {}, {}, rules.why_not});
    for (const ServiceRule& r : kServiceRules) none.push_back({"service", r.key, "ns", 0, {}, {}, rules.why_not});
    return none;
  }
  const auto recipe = [](const std::string& key, const std::string& rule, Samples::Formula f, const std::string& what, const char* table = "cost") {
    return Recipe{table, key, "ns", kProbeRules | kProbeYield | kProbeCalls, {rule + "_yield_ns_per_switch"}, std::move(f), fmt::format("128 yields, {}; lower quartiles", what), true};
  };
  Recipe difference = recipe("sched_ext_switch", kRulePlain, SchedExtSwitch,
                             "under a policy of one hook and one insertion, less the kernel's own, a hook and a queue operation: negative where sched_ext's core does less than the fair class");
  difference.may_be_negative = true;
  std::vector<Recipe> recipes = {
      recipe("hook", kRuleHooks, Hook, "under a policy with two more hooks, less one without, halved"),
      recipe("dsq_op", kRuleQueue, DsqOp, "under a policy with a shared queue, less one with the CPU's own and a hook"),
      recipe("kick", kRuleKick, KickOf, "under a policy that kicks another CPU at each, less one that does not"),
      std::move(difference),
  };
  for (const ServiceRule& r : kServiceRules)
    recipes.push_back(recipe(r.key, r.rule, [r](const SampleView& v) { return CallOf(v, r); },
                             fmt::format("under a policy with {} more {}, less one without", r.calls, r.what), "service"));
  return recipes;
}

}  // namespace ose
