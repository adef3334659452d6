#include "cli/run_plan.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "core/exit_code.h"

namespace ose {

using nlohmann::json;

namespace {

constexpr int64_t kDefaultEvals = 600;
constexpr double kDefaultSeconds = 90, kDefaultSecondsWithModels = 1800;

// The plan is kept as JSON, which is UTF-8.
bool IsUtf8(const std::string& text) {
  auto dump = [&](json::error_handler_t on_error) { return json(text).dump(-1, ' ', false, on_error); };
  return dump(json::error_handler_t::replace) == dump(json::error_handler_t::ignore);
}

}  // namespace

json PlanJson(const RunPlan& p) {
  json seeds = json::array();
  for (const SeedPolicy& s : p.seeds) seeds.push_back({{"name", s.name}, {"source", s.source}});
  json j = {{"format", 1},        {"workload", p.workload_text}, {"machine", p.machine_text}, {"seed", p.seed},
          {"evals", p.evals},   {"seconds", p.seconds},        {"islands", p.islands},      {"incumbent", p.incumbent},
          {"seeds", seeds},     {"version", "0.1.0"}};
  if (!p.models.llm.empty()) j["models"] = ModelFlagsJson(p.models);
  return j;
}

Result<RunPlan> PlanFromJson(const std::string& text, const std::string& db_path) {
  try {
    json j = json::parse(text);
    RunPlan p{j.at("workload"), j.at("machine"), j.at("seed"), j.at("evals"), j.at("seconds"), j.at("islands"), j.at("incumbent"), {}, {}};
    for (const json& s : j.at("seeds")) p.seeds.push_back({s.at("name"), s.at("source")});
    if (j.contains("models")) p.models = ModelFlagsFromJson(j.at("models"));
    return p;
  } catch (const std::exception& e) {
    return Error{kExitDatabase, db_path + ": the stored configuration is damaged: " + e.what()};
  }
}

std::string FreshOut(const std::string& name) {
  for (int i = 1;; ++i)
    if (std::string dir = fmt::format("runs/{}-{}", name, i); !FileExists(dir)) return dir;
}

Result<RunPlan> MakePlan(const Context& context, const Problem& problem, const PlanOptions& options, Knowledge* knowledge) {
  RunPlan p{problem.workload_text, problem.machine_text, options.seed, options.evals, options.seconds, options.islands, "", {}, options.models};
  if (options.evals == 0 && options.seconds == 0) {
    p.evals = kDefaultEvals;
    p.seconds = options.models.llm.empty() ? kDefaultSeconds : kDefaultSecondsWithModels;
  }
  std::vector<SeedPolicy> rest;
  if (knowledge) {
    OSE_ASSIGN(std::vector<KnownPolicy> known, knowledge->PoliciesFor(problem));
    for (KnownPolicy& k : known) {
      if (k.is_incumbent) p.incumbent = k.name;
      rest.push_back({k.name, std::move(k.source)});
    }
  }
  OSE_ASSIGN(std::vector<NamedSource> shipped, ShippedPolicies(context));
  for (NamedSource& s : shipped) rest.push_back({s.name, std::move(s.source)});
  SeedPolicy first;
  if (!options.from.empty()) {
    OSE_ASSIGN(NamedSource from, LoadPolicy(context, KnowledgeBasePath(context, options.kb), options.from));
    first = {from.name, from.source};
  } else {
    const std::string wanted = p.incumbent.empty() ? "cfs" : p.incumbent;
    for (const SeedPolicy& s : rest)
      if (s.name == wanted) first = s;
  }
  if (first.source.empty()) return Error{kExitNotFound, "no policy to start from: policies/cfs.cc is missing; name one with --from"};
  // --from may name the veteran's own source.
  for (const SeedPolicy& s : rest)
    if (s.name == p.incumbent && s.source == first.source) p.incumbent = first.name;
  p.seeds.push_back(first);
  for (SeedPolicy& s : rest)
    if (s.source != first.source && s.name != first.name) p.seeds.push_back(std::move(s));
  for (const SeedPolicy& s : p.seeds)
    if (!IsUtf8(s.source)) return Error{kExitGate, "policy '" + s.name + "' is not UTF-8; convert the file, for example with iconv"};
  return p;
}

}  // namespace ose
