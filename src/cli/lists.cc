// osevolve workloads, osevolve policies: what there is.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "core/policy_source.h"
#include "report/table.h"

namespace ose {
namespace {

// The first sentence of a file's leading comment.
std::string Headline(const std::string& source) {
  std::string text;
  size_t at = 0;
  while (source.compare(at, 2, "//") == 0) {
    size_t end = source.find('\n', at);
    std::string line = source.substr(at + 2, end - at - 2);
    if (line.find("SPDX") == std::string::npos) text += line;
    if (text.find(". ") != std::string::npos || end == std::string::npos) break;
    at = end + 1;
  }
  if (size_t stop = text.find(". "); stop != std::string::npos) text.resize(stop);
  if (text.ends_with('.')) text.pop_back();
  return text.starts_with(' ') ? text.substr(1) : text;
}

Status ListWorkloads(const CommonFlags& common) {
  OSE_ASSIGN(Context context, Context::Find());
  nlohmann::json list = nlohmann::json::array();
  std::vector<std::vector<std::string>> table = {{"workload", "tasks", "cpus", "what"}};
  for (const std::string& name : NamesIn(context.root + "/workloads", ".toml")) {
    OSE_ASSIGN(Problem p, LoadProblem(context, {.workload = name, .machine = "", .cpus = 0}));
    nlohmann::json metrics = nlohmann::json::array();
    for (const Objective& o : p.workload.objectives) metrics.push_back(o.metric);
    list.push_back({{"name", name}, {"file", p.file}, {"tasks", p.workload.TaskCount()}, {"cpus", p.machine.cpus}, {"machine", p.machine.name}, {"objectives", metrics}, {"description", p.workload.description}});
    table.push_back({name, std::to_string(p.workload.TaskCount()), std::to_string(p.machine.cpus), p.workload.description});
  }
  if (common.json) PrintJson({{"workloads", list}});
  else
    for (auto& row : table) fmt::print("{:<36} {:>6} {:>5}  {}\n", row[0], row[1], row[2], row[3]);
  return {};
}

Status ListPolicies(const CommonFlags& common) {
  OSE_ASSIGN(Context context, Context::Find());
  nlohmann::json list = nlohmann::json::array();
  for (const char* dir : {"policies", "policies/evolved"}) {
    for (const std::string& name : NamesIn(context.root + "/" + dir, ".cc")) {
      std::string path = context.root + "/" + dir + "/" + name + ".cc";
      OSE_ASSIGN(std::string source, ReadFile(path, 1 << 20));
      auto tunables = ParseTunables(source);
      auto blocks = ParseEvolveBlocks(source);
      nlohmann::json ts = nlohmann::json::array(), bs = nlohmann::json::array();
      if (tunables.ok())
        for (const TunableDecl& t : *tunables) ts.push_back({{"name", t.name}, {"default", t.default_value}, {"min", t.min}, {"max", t.max}});
      if (blocks.ok())
        for (const EvolveBlock& b : *blocks) bs.push_back(b.name);
      list.push_back({{"name", name}, {"file", path}, {"what", Headline(source)}, {"tunables", ts}, {"blocks", bs}});
      // What it is; how it works stands in the file.
      std::string what = Headline(source);
      if (!common.json) fmt::print("{:<12} {}\n", name, what.substr(0, what.find(": ")));
    }
  }
  if (common.json) PrintJson({{"policies", list}});
  return {};
}

}  // namespace

void RegisterLists(CLI::App& app, Command& command) {
  CLI::App* workloads = app.add_subcommand("workloads", "List the shipped workloads.");
  AddCommonFlags(*workloads, command);
  workloads->footer("Example:  osevolve workloads --json");
  workloads->callback([&command] { command.run = [&command] { return ListWorkloads(command.flags); }; });
  CLI::App* policies = app.add_subcommand("policies", "List the shipped policies.");
  AddCommonFlags(*policies, command);
  policies->footer("Example:  osevolve policies");
  policies->callback([&command] { command.run = [&command] { return ListPolicies(command.flags); }; });
}

}  // namespace ose
