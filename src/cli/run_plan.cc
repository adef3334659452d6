#include "cli/run_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>

#include "base/file.h"
#include "base/json.h"
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

json SearchJson(const SearchPlan& s) {
  return {{"window", s.window}, {"islands", s.islands}, {"archive_size", s.archive_size}, {"migration_interval", s.migration_interval}, {"migrants", s.migrants},
          {"restart_after", s.restart_after}, {"topology", s.topology}, {"parents", s.parents}, {"strategy", s.strategy}};
}

// Plans of before say only how many islands there are.
SearchPlan SearchFromJson(const json& plan) {
  SearchPlan s;
  if (!plan.contains("search")) {
    s.islands = plan.at("islands");
    return s;
  }
  const json& j = plan.at("search");
  j.at("window").get_to(s.window);
  j.at("islands").get_to(s.islands);
  j.at("archive_size").get_to(s.archive_size);
  j.at("migration_interval").get_to(s.migration_interval);
  j.at("migrants").get_to(s.migrants);
  j.at("restart_after").get_to(s.restart_after);
  j.at("topology").get_to(s.topology);
  j.at("parents").get_to(s.parents);
  j.at("strategy").get_to(s.strategy);
  return s;
}

}  // namespace

std::vector<uint64_t> SearchSeeds(const Problem& problem, const RunPlan& plan) {
  return MakeSeeds(SeedFamily::kSearch, plan.seed, problem.workload.search_seeds);
}

Result<EvolutionOptions> SearchOptions(const Problem& problem, const RunPlan& plan) {
  const SearchPlan& s = plan.search;
  EvolutionOptions o;
  o.seed = plan.seed;
  o.max_evaluations = plan.evals;
  OSE_ASSIGN(o.strategy, ParseStrategy(s.strategy));
  OSE_ASSIGN(o.population.parents, ParseParentRule(s.parents));
  OSE_ASSIGN(o.population.topology, ParseMigrationTopology(s.topology));
  o.window = s.window;
  o.population.islands = s.islands;
  o.population.archive_size = s.archive_size;
  o.population.migration_interval = s.migration_interval;
  o.population.migrants = s.migrants;
  o.population.restart_after = s.restart_after;
  o.search_seeds = SearchSeeds(problem, plan);
  // Four times as many further ones of the same family: what is bad on one seed in a dozen must not pass.
  const int n = problem.workload.search_seeds;
  for (int i = n; i < 5 * n; ++i) o.recheck_seeds.push_back(MakeSeed(SeedFamily::kSearch, plan.seed, static_cast<uint64_t>(i)));
  return o;
}

void AddSearchFlags(CLI::App& command, SearchPlan* s) {
  const std::string group = "How it searches (docs/evolution.md)";
  command.add_option("--islands", s->islands, "sub-populations")->check(CLI::Range(1, 64))->capture_default_str()->group(group);
  command.add_option("--archive", s->archive_size, "places on an island; half are for elites of niches")->check(CLI::Range(2, 10'000))->capture_default_str()->group(group);
  command.add_option("--parents", s->parents, "who has children: " + fmt::format("{}", fmt::join(ParentRuleNames(), ", ")))->check(CLI::IsMember(ParentRuleNames()))->type_name("RULE")->capture_default_str()->group(group);
  command.add_option("--migration", s->migration_interval, "proposals between migrations; 0: none")->check(CLI::Range(0, 1'000'000))->capture_default_str()->group(group);
  command.add_option("--migrants", s->migrants, "of each island, copies of its best")->check(CLI::Range(1, 100))->capture_default_str()->group(group);
  command.add_option("--topology", s->topology, "where they go: ring, random, full")->check(CLI::IsMember(MigrationTopologyNames()))->type_name("NAME")->capture_default_str()->group(group);
  command.add_option("--restart-after", s->restart_after, "results of an island without a better one, then it starts anew; 0: never")->check(CLI::Range(0, 1'000'000))->capture_default_str()->group(group);
  command.add_option("--window", s->window, "proposals in flight: each is made without the results of so many before it")->check(CLI::Range(1, 100'000))->capture_default_str()->group(group);
  command.add_option("--strategy", s->strategy, "evolve, or what it is compared with: random, best-of-n, tunables")->check(CLI::IsMember(StrategyNames()))->type_name("NAME")->capture_default_str()->group(group);
}

json PlanJson(const RunPlan& p) {
  json seeds = json::array();
  for (const SeedPolicy& s : p.seeds) seeds.push_back({{"name", s.name}, {"source", s.source}});
  json j = {{"format", 2},        {"workload", p.workload_text}, {"machine", p.machine_text}, {"seed", p.seed},
          {"evals", p.evals},   {"seconds", p.seconds},        {"search", SearchJson(p.search)}, {"incumbent", p.incumbent},
          {"seeds", seeds},     {"version", "0.1.0"}};
  if (!p.models.llm.empty()) j["models"] = ModelFlagsJson(p.models);
  return j;
}

Result<RunPlan> PlanFromJson(const std::string& text, const std::string& db_path) {
  try {
    json j = json::parse(text);
    RunPlan p{j.at("workload"), j.at("machine"), j.at("seed"), j.at("evals"), j.at("seconds"), SearchFromJson(j), j.at("incumbent"), {}, {}};
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
  RunPlan p{problem.workload_text, problem.machine_text, options.seed, options.evals, options.seconds, options.search, "", {}, options.models};
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
