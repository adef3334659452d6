// osevolve bound: what no policy can beat.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "core/stats.h"
#include "report/rows.h"
#include "report/table.h"
#include "workload/bound.h"

namespace ose {
namespace {

struct BoundFlags {
  ProblemOptions problem;
  std::string seeds = "final:16";
  uint64_t seed = 1;
};

Status RunBound(const BoundFlags& flags, const CommonFlags& common) {
  OSE_ASSIGN(Context context, Context::Find());
  OSE_ASSIGN(Problem problem, LoadProblem(context, flags.problem));
  OSE_ASSIGN(SeedSpec spec, ParseSeedSpec(flags.seeds));
  auto bounds = MemoizedBounds(problem);
  std::map<std::string, std::vector<double>> samples;
  for (uint64_t seed : MakeSeeds(spec.family, flags.seed, spec.count))
    for (auto& [name, value] : bounds(seed)) samples[name].push_back(value);
  std::map<std::string, std::string> why;
  for (const BoundNote& n : BoundNotes(problem.workload)) why[n.metric] = n.argument;
  nlohmann::json metrics = nlohmann::json::object();
  std::vector<std::vector<std::string>> table = {{"metric", "bound", "unit"}};
  std::string notes;
  for (auto& [name, xs] : samples) {
    Interval i = MeanInterval(xs);
    const MetricInfo* info = FindMetric(name);
    std::string unit = info ? std::string(info->unit) : "1";
    bool objective = false;
    for (const Objective& o : problem.workload.objectives) objective |= o.metric == name;
    metrics[name] = {{"mean", i.mean}, {"ci95", IntervalJson(i)}, {"unit", unit}, {"argument", why[name]}, {"objective", objective}};
    table.push_back({name + (objective ? " *" : ""), fmt::format("{:.6g}", i.mean), unit});
    if (!why[name].empty() && objective) notes += fmt::format("{}: {}\n", name, why[name]);
  }
  if (common.json) {
    PrintJson({{"workload", problem.workload.name}, {"machine", problem.machine.name}, {"cpus", problem.machine.cpus}, {"seeds", flags.seeds}, {"bounds", metrics}});
  } else {
    fmt::print("workload {} on {} with {} CPUs: no policy can beat (mean over {} seeds; * = objective)\n\n{}\n{}", problem.workload.name,
               problem.machine.name, problem.machine.cpus, spec.count, FormatTable(table), notes);
  }
  return {};
}

}  // namespace

void RegisterBound(CLI::App& app, Command& command) {
  auto flags = std::make_shared<BoundFlags>();
  CLI::App* sub = app.add_subcommand("bound", "Print what no policy can beat on a workload.");
  sub->add_option("workload", flags->problem.workload, "workload: a file or a name")->required();
  sub->add_option("-m,--machine", flags->problem.machine, "machine profile: a file or a name");
  sub->add_option("--cpus", flags->problem.cpus, "number of CPUs instead of the profile's")->check(CLI::Range(1, kMaxCpus));
  sub->add_option("--seeds", flags->seeds, "FAMILY:N")->capture_default_str();
  sub->add_option("--seed", flags->seed, "base of all seed families")->capture_default_str();
  AddCommonFlags(*sub, command);
  sub->footer("Example:  osevolve bound hol");
  sub->callback([flags, &command] { command.run = [flags, &command] { return RunBound(*flags, command.flags); }; });
}

}  // namespace ose
