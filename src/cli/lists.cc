// osevolve workloads, osevolve policies: what there is.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/file.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/lists.h"
#include "core/policy_source.h"

namespace ose {

using nlohmann::json;

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

}  // namespace

Result<json> WorkloadsJson(const Context& context) {
  json list = json::array();
  std::vector<std::string> names = NamesIn(context.root + "/workloads", ".toml");
  for (const std::string& name : NamesIn(context.root + "/workloads", ".json")) names.push_back(name);
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    OSE_ASSIGN(Problem p, LoadProblem(context, {.workload = name, .machine = "", .cpus = 0}));
    json metrics = json::array();
    for (const Objective& o : p.workload.objectives) metrics.push_back(o.metric);
    list.push_back({{"name", name}, {"file", p.file}, {"tasks", p.workload.TaskCount()}, {"cpus", p.machine.cpus}, {"machine", p.machine.name}, {"objectives", metrics}, {"description", p.workload.description}});
  }
  return json{{"workloads", list}};
}

Result<json> PoliciesJson(const Context& context) {
  json list = json::array();
  for (const char* dir : {"policies", "policies/evolved"}) {
    for (const std::string& name : NamesIn(context.root + "/" + dir, ".cc")) {
      std::string path = context.root + "/" + dir + "/" + name + ".cc";
      OSE_ASSIGN(std::string source, ReadFile(path, 1 << 20));
      auto tunables = ParseTunables(source);
      auto blocks = ParseEvolveBlocks(source);
      json ts = json::array(), bs = json::array();
      if (tunables.ok())
        for (const TunableDecl& t : *tunables) ts.push_back({{"name", t.name}, {"default", t.default_value}, {"min", t.min}, {"max", t.max}});
      if (blocks.ok())
        for (const EvolveBlock& b : *blocks) bs.push_back(b.name);
      list.push_back({{"name", name}, {"file", path}, {"what", Headline(source)}, {"tunables", ts}, {"blocks", bs}});
    }
  }
  return json{{"policies", list}};
}

namespace {

Status ListWorkloads(const CommonFlags& common) {
  OSE_ASSIGN(Context context, Context::Find());
  OSE_ASSIGN(json lists, WorkloadsJson(context));
  if (common.json) {
    PrintJson(lists);
    return {};
  }
  fmt::print("{:<36} {:>6} {:>5}  {}\n", "workload", "tasks", "cpus", "what");
  for (const json& w : lists["workloads"])
    fmt::print("{:<36} {:>6} {:>5}  {}\n", w["name"].get<std::string>(), w["tasks"].get<int>(), w["cpus"].get<int>(), w["description"].get<std::string>());
  return {};
}

Status ListPolicies(const CommonFlags& common) {
  OSE_ASSIGN(Context context, Context::Find());
  OSE_ASSIGN(json lists, PoliciesJson(context));
  if (common.json) {
    PrintJson(lists);
    return {};
  }
  for (const json& p : lists["policies"]) {
    // What it is; how it works stands in the file.
    const std::string what = p["what"];
    fmt::print("{:<12} {}\n", p["name"].get<std::string>(), what.substr(0, what.find(": ")));
  }
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
