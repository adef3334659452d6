// osevolve load: a workload on this machine's kernel, by real threads.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <memory>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "core/exit_code.h"
#include "load/load.h"
#include "report/table.h"

namespace ose {
namespace {

struct LoadFlags {
  ProblemOptions problem;
  std::string seed = "search:0";
};

// "search:0", "final:3": the i-th seed of a family, as eval and compare use them with their default
// --seed; or a seed as it is.
Result<uint64_t> ParseSeed(const std::string& text) {
  const size_t colon = text.find(':');
  const std::string number = colon == std::string::npos ? text : text.substr(colon + 1);
  uint64_t value = 0;
  const auto [end, ec] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (ec == std::errc() && end == number.data() + number.size()) {
    if (colon == std::string::npos) return value;
    if (const auto family = SeedFamilyFromName(std::string_view(text).substr(0, colon))) return MakeSeed(*family, 1, value);
  }
  return Error{kExitUsage, fmt::format("bad --seed '{}': use a number, or FAMILY:I with family search, select or final, as in search:0", text)};
}

Status RunLoadCommand(const LoadFlags& flags, const CommonFlags& common) {
  const std::atomic<bool>& stop = StopOnSignals();
  OSE_ASSIGN(Context context, Context::Find());
  OSE_ASSIGN(Problem problem, LoadProblem(context, flags.problem));
  OSE_ASSIGN(uint64_t seed, ParseSeed(flags.seed));
  const Workload& w = problem.workload;
  PrintNote(fmt::format("running {} with {} threads for {}{:.3g} s", w.name, w.TaskCount(), w.run_to_completion ? "at most " : "", w.horizon.s()), common);
  auto ran = RunLoad(w, {.seed = seed, .cpus = problem.machine.cpus, .cancel = &stop});
  if (!ran.ok()) return Error{ran.error().code, WithPlace(problem, ran.error().message)};
  const LoadResult& result = *ran;
  for (const std::string& note : result.notes) PrintNote(note, common);
  nlohmann::json metrics = nlohmann::json::object();
  std::vector<std::vector<std::string>> table = {{"metric", "value", "unit"}};
  for (const auto& [name, value] : result.metrics) {
    const MetricInfo* info = FindMetric(name);
    const std::string unit = info ? std::string(info->unit) : "1";
    bool objective = false;
    for (const Objective& o : w.objectives) objective |= o.metric == name;
    metrics[name] = {{"value", value}, {"unit", unit}};
    table.push_back({name + (objective ? " *" : ""), fmt::format("{:.6g}", value), unit});
  }
  if (common.json) {
    PrintJson({{"workload", w.name}, {"host", "live"}, {"cpus", result.cpus}, {"seed", std::to_string(seed)}, {"metrics", metrics},
               {"requested_us", result.requested.us()}, {"notes", result.notes}, {"wall_s", result.wall_s}, {"iterations_per_ns", result.iterations_per_ns}});
  } else {
    fmt::print("workload {} on this machine with {} CPUs, seed {} (* = objective)\n\n{}", w.name, result.cpus, flags.seed, FormatTable(table));
  }
  return {};
}

}  // namespace

void RegisterLoad(CLI::App& app, Command& command) {
  auto flags = std::make_shared<LoadFlags>();
  CLI::App* sub = app.add_subcommand("load", "Run a workload on this machine's kernel, with real threads.");
  sub->add_option("workload", flags->problem.workload, "workload: a file or a name (osevolve workloads)")->required();
  sub->add_option("--cpus", flags->problem.cpus, "number of CPUs; default: the workload's")->check(CLI::Range(1, kMaxCpus));
  sub->add_option("--seed", flags->seed, "FAMILY:I, the I-th seed of search, select or final; or a number")->capture_default_str();
  AddCommonFlags(*sub, command);
  sub->footer("Example:  osevolve load hol-8x2");
  sub->callback([flags, &command] { command.run = [flags, &command] { return RunLoadCommand(*flags, command.flags); }; });
}

}  // namespace ose
