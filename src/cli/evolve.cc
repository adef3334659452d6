// osevolve evolve: the main job. Composition of the rooms:
//
//   workload + machine -> knowledge base -> evolution -> proof -> files -> knowledge base
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/knowledge.h"
#include "core/diff.h"
#include "core/exit_code.h"
#include "evolve/evolution.h"
#include "evolve/minimize.h"
#include "evolve/proof.h"
#include "report/rows.h"

namespace ose {
namespace {

using nlohmann::json;

struct EvolveFlags {
  ProblemOptions problem;
  std::string from, out, kb;
  bool resume = false, no_kb = false;
  uint64_t seed = 1;
  int64_t evals = 0;
  double seconds = 0;
  int jobs = 0, islands = 2;
  std::string budget_text;
};

// What determines a run; kept in the run database, so that --resume needs nothing else.
struct RunPlan {
  std::string workload_text, machine_text;
  uint64_t seed = 1;
  int64_t evals = 0;
  double seconds = 0;
  int islands = 2;
  std::string incumbent;  // name of the seed policy that is the current veteran, or ""
  std::vector<SeedPolicy> seeds;
};

constexpr int64_t kDefaultEvals = 600;
constexpr double kDefaultSeconds = 90;

json PlanJson(const RunPlan& p) {
  json seeds = json::array();
  for (const SeedPolicy& s : p.seeds) seeds.push_back({{"name", s.name}, {"source", s.source}});
  return {{"format", 1},        {"workload", p.workload_text}, {"machine", p.machine_text}, {"seed", p.seed},
          {"evals", p.evals},   {"seconds", p.seconds},        {"islands", p.islands},      {"incumbent", p.incumbent},
          {"seeds", seeds},     {"version", "0.1.0"}};
}

Result<RunPlan> PlanFromJson(const std::string& text, const std::string& db_path) {
  try {
    json j = json::parse(text);
    RunPlan p{j.at("workload"), j.at("machine"), j.at("seed"), j.at("evals"), j.at("seconds"), j.at("islands"), j.at("incumbent"), {}};
    for (const json& s : j.at("seeds")) p.seeds.push_back({s.at("name"), s.at("source")});
    return p;
  } catch (const std::exception& e) {
    return Error{kExitDatabase, db_path + ": the stored configuration is damaged: " + e.what()};
  }
}

// runs/NAME-N, the first that does not exist.
std::string FreshOut(const std::string& name) {
  for (int i = 1;; ++i)
    if (std::string dir = fmt::format("runs/{}-{}", name, i); !FileExists(dir)) return dir;
}

// The first policy is the one that gains are measured against: --from, else the veteran of this
// workload, else CFS.
Result<RunPlan> MakePlan(const Context& context, const Problem& problem, const EvolveFlags& flags, Knowledge* knowledge) {
  RunPlan p{problem.workload_text, problem.machine_text, flags.seed, flags.evals, flags.seconds, flags.islands, "", {}};
  if (flags.evals == 0 && flags.seconds == 0) p.evals = kDefaultEvals, p.seconds = kDefaultSeconds;
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
  if (!flags.from.empty()) {
    OSE_ASSIGN(NamedSource from, LoadPolicy(context, KnowledgeBasePath(context, flags.kb), flags.from));
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
  return p;
}

std::string ProgressText(const EvolutionProgress& p) {
  std::string left = p.left == Nanos::Max() ? "" : fmt::format("  {:.0f} s left", p.left.s());
  return fmt::format("generation {}  {} evaluations ({:.1f}/s)  best {:.2f}% of bound  gain {:+.2f}%{}", p.generation,
                     p.evaluations, p.per_second, p.best_score, p.gain_pct, left);
}

json EvolveJson(const std::string& out, const Problem& problem, const EvolutionResult& search, const Proof& proof,
                const std::string& best_path, int diff_lines, bool veteran, double wall_s) {
  json baselines = json::array();
  for (const ProvenRow& row : proof.baselines) baselines.push_back({{"policy", row.name}, {"score", row.score}});
  return {{"run", out},
          {"workload", problem.workload.name},
          {"evaluations", search.evaluations},
          {"compile_failures", search.compile_failures},
          {"failures", search.failures},
          {"duplicates", search.duplicates},
          {"resumed", search.resumed},
          {"interrupted", search.interrupted},
          {"wall_s", wall_s},
          {"best",
           {{"policy", best_path},
            {"score", proof.winner_row.score},
            {"search_score", proof.search_score},
            {"select_score", proof.select_score},
            {"diff_lines", diff_lines},
            {"metrics", MetricsJson(proof.winner_row.evaluation)}}},
          {"baselines", baselines},
          {"failed_baselines", proof.failed},
          {"seed_policy", proof.first.name},
          {"best_baseline", proof.best_baseline},
          {"gain_pct_vs_seed", proof.vs_first.mean},
          {"gain_ci95_vs_seed", IntervalJson(proof.vs_first)},
          {"gain_pct_vs_best_baseline", proof.vs_best_baseline.mean},
          {"ci95", IntervalJson(proof.vs_best_baseline)},
          {"final_seeds", proof.winner_row.evaluation.seeds.size()},
          {"pct_of_bound", proof.winner_row.score},
          {"veteran", veteran}};
}

std::string Summary(const Problem& problem, const EvolutionResult& search, const Proof& proof, const std::string& out,
                    const std::string& archived, int diff_lines, double wall_s) {
  ReportHead head{problem.workload.name, "sim", problem.machine.name, problem.machine.cpus,
                  fmt::format("final:{}", proof.winner_row.evaluation.seeds.size())};
  std::vector<ReportRow> rows;
  rows.push_back({"best", proof.winner_row.evaluation, "", {}});
  for (const ProvenRow& row : proof.baselines) rows.push_back({row.name, row.evaluation, "", {}});
  std::string text = RowsTable(head, problem.workload.objectives, rows);
  for (const std::string& f : proof.failed) text += fmt::format("left out, since it fails here: {}\n", f);
  text += fmt::format("\ngain over {:<12} {}\ngain over {:<12} {}   (best hand-written)\n", proof.first.name, GainText(proof.vs_first),
                      proof.best_baseline, GainText(proof.vs_best_baseline));
  if (proof.incumbent != proof.first.name && proof.incumbent != proof.best_baseline)
    text += fmt::format("gain over {:<12} {}   (known veteran)\n", proof.incumbent, GainText(proof.vs_incumbent));
  text += fmt::format("score on search / select / final seeds: {:.2f} / {:.2f} / {:.2f} % of the bound\n", proof.search_score,
                      proof.select_score, proof.winner_row.score);
  text += fmt::format("{} evaluations in {:.1f} s, {} did not compile, {} failed otherwise\n", search.evaluations, wall_s,
                      search.compile_failures, search.failures - search.compile_failures);
  text += fmt::format("{}/best.cc  (differs from its hand-written root in {} lines: {}/best.diff)\n{}\n", out, diff_lines, out, archived);
  return text;
}

Status RunEvolve(EvolveFlags flags, const CommonFlags& common) {
  const Nanos start = MonotonicNow();
  const std::atomic<bool>& stop = StopOnSignals();
  OSE_ASSIGN(Context context, Context::Find());
  if (flags.resume && flags.out.empty()) return Error{kExitUsage, "--resume needs the run's folder: --out DIR --resume"};
  if (!flags.resume && flags.problem.workload.empty()) return Error{kExitUsage, "which workload? for example: osevolve evolve hol (list them: osevolve workloads)"};

  std::optional<Knowledge> knowledge;
  if (!flags.no_kb) {
    OSE_ASSIGN(knowledge, Knowledge::Open(KnowledgeBasePath(context, flags.kb)));
  }
  // The plan: from the command line, or from the run that is resumed.
  Problem problem;
  RunPlan plan;
  std::optional<RunDb> db;
  if (flags.resume) {
    OSE_ASSIGN(db, RunDb::Open(JoinPath(flags.out, "run.db"), OpenMode::kResume));
    OSE_ASSIGN(auto config, db->LoadConfig());
    if (!config) return Error{kExitNotFound, flags.out + ": the run was killed before it began; start it anew in another folder"};
    OSE_ASSIGN(plan, PlanFromJson(config->json, JoinPath(flags.out, "run.db")));
    if (flags.evals > 0) plan.evals = flags.evals;
    if (flags.seconds > 0) plan.seconds = flags.seconds;
    OSE_ASSIGN(problem, MakeProblem(plan.workload_text, plan.machine_text));
  } else {
    OSE_ASSIGN(problem, LoadProblem(context, flags.problem));
    OSE_ASSIGN(plan, MakePlan(context, problem, flags, knowledge ? &*knowledge : nullptr));
  }
  OSE_ASSIGN(auto evaluator, MakeEvaluator(context, problem, flags.jobs));
  OSE_ASSIGN(auto mutator, Mutator::Create(context.include_dir()));
  // From here on the run exists.
  if (!flags.resume) {
    if (flags.out.empty()) flags.out = FreshOut(problem.workload.name);
    OSE_TRY(MakeDirs(flags.out));
    OSE_ASSIGN(db, RunDb::Open(JoinPath(flags.out, "run.db"), OpenMode::kCreate));
    OSE_TRY(db->SaveConfig({.json = PlanJson(plan).dump(), .json_wall = json{{"jobs", flags.jobs}}.dump()}));
  }

  EvolutionOptions options;
  options.seed = plan.seed;
  options.max_evaluations = plan.evals;
  options.islands = plan.islands;
  options.search_seeds = MakeSeeds(SeedFamily::kSearch, plan.seed, problem.workload.search_seeds);
  if (plan.seconds > 0) options.time_budget = {static_cast<int64_t>(plan.seconds * 1e9)};
  options.stop = &stop;
  if (flags.resume && flags.evals == 0 && flags.seconds == 0) {
    OSE_ASSIGN(auto done, db->LoadResult("search"));
    if (done) options.max_evaluations = json::parse(done->json, nullptr, false).value("evaluations", plan.evals);
  }
  Evolution evolution(options, plan.seeds, *evaluator, *mutator, *db);
  ProgressLine progress(common);
  evolution.on_progress = [&](const EvolutionProgress& p) { progress.Show(ProgressText(p)); };
  std::ofstream log(JoinPath(flags.out, "evolve.log"), std::ios::trunc);
  evolution.on_commit = [&](const std::string& line) { log << line << std::endl; };
  OSE_ASSIGN(EvolutionResult search, evolution.Run());
  // A search that ran to its end is over: to resume it means to prove and archive, not to search on.
  if (!search.interrupted) OSE_TRY(db->SaveResult("search", {.json = json{{"evaluations", search.evaluations}}.dump(), .json_wall = "{}"}));
  log.close();
  if (log.fail()) return Error{kExitIo, "cannot write " + flags.out + "/evolve.log: is the disk full? Go on with: osevolve evolve --resume --out " + flags.out};

  // The best so far is there whatever happens from now on.
  if (!search.ranking.empty()) OSE_TRY(WriteFileAtomic(JoinPath(flags.out, "best.cc"), search.ranking[0].source));
  ProofOptions prove;
  prove.select_seeds = MakeSeeds(SeedFamily::kSelect, plan.seed, problem.workload.select_seeds);
  prove.final_seeds = MakeSeeds(SeedFamily::kFinal, plan.seed, problem.workload.final_seeds);
  prove.incumbent = plan.incumbent;
  prove.on_progress = [&](int done, int total) {
    progress.Show(fmt::format("proving on unseen seeds: {} of {} policies", done, total), done == 0);
  };
  prove.simplify = [&](const RankedCandidate& winner) {
    if (!winner.name.empty()) return winner.source;
    progress.Show("taking out of the winner what does not help", true);
    MinimizeOptions minimize;
    minimize.seeds = options.search_seeds;
    minimize.stop = &stop;
    return Minimize(minimize, plan.seeds[static_cast<size_t>(winner.root)].source, winner.source, *evaluator).source;
  };
  // After Ctrl-C in the search the best so far is still proven; a second one ends the process.
  OSE_ASSIGN(Proof proof, Prove(prove, search.ranking, plan.seeds, *evaluator));
  progress.Clear();
  if (search.interrupted) PrintNote("interrupted: this is the best so far; go on with: osevolve evolve --resume --out " + flags.out, common);

  // Files.
  const SeedPolicy& root = plan.seeds[static_cast<size_t>(proof.winner.root)];
  const std::string best_path = JoinPath(flags.out, "best.cc");
  const int diff_lines = DiffLines(root.source, proof.winner.source);
  OSE_TRY(WriteFileAtomic(best_path, proof.winner.source));
  OSE_TRY(WriteFileAtomic(JoinPath(flags.out, "best.diff"), UnifiedDiff(root.source, proof.winner.source, root.name + ".cc", "best.cc")));
  std::string archived = "not archived: --no-kb";
  bool veteran = false;
  if (knowledge) {
    auto promotion = knowledge->Archive(problem, proof, plan.seeds, plan.seed);
    if (!promotion.ok()) {
      Error e = promotion.error();
      e.message += "; the run is kept: archive its winner " + best_path + " with: osevolve evolve --resume --out " + flags.out;
      return e;
    }
    veteran = promotion->promoted;
    archived = promotion->promoted ? "archived as the veteran of this workload (osevolve gkb show " + promotion->veteran.substr(0, 12) + ")"
                                   : "no new veteran: " + promotion->reason;
  }
  const double wall_s = (MonotonicNow() - start).s();
  json result = EvolveJson(flags.out, problem, search, proof, best_path, diff_lines, veteran, wall_s);
  json deterministic = result;
  deterministic.erase("wall_s");
  deterministic.erase("run");
  deterministic.erase("resumed");
  deterministic["best"].erase("policy");
  OSE_TRY(db->SaveResult("final", {.json = deterministic.dump(), .json_wall = json{{"wall_s", wall_s}}.dump()}));
  OSE_TRY(WriteFileAtomic(JoinPath(flags.out, "metrics.json"), result.dump(2) + "\n"));
  if (common.json) PrintJson(result);
  else fmt::print("{}", Summary(problem, search, proof, flags.out, archived, diff_lines, wall_s));
  return {};
}

}  // namespace

void RegisterEvolve(CLI::App& app, Command& command) {
  auto flags = std::make_shared<EvolveFlags>();
  CLI::App* sub = app.add_subcommand("evolve", "Search for a better policy for a workload, and prove it.");
  sub->add_option("workload", flags->problem.workload, "workload: a file or a name (osevolve workloads)");
  sub->add_option("-m,--machine", flags->problem.machine, "machine profile: a file or a name; default: the workload's");
  sub->add_option("--cpus", flags->problem.cpus, "number of CPUs instead of the profile's")->check(CLI::Range(1, kMaxCpus));
  sub->add_option("--from", flags->from, "policy to start from and to measure gains against; default: the workload's veteran, else cfs");
  sub->add_option("-o,--out", flags->out, "folder of the run; default: runs/WORKLOAD-N");
  sub->add_flag("--resume", flags->resume, "go on with the run in --out");
  sub->add_option("-e,--evals", flags->evals, "budget: policies evaluated in the search (default: 600, at most 90 s)")->check(CLI::Range(int64_t{1}, int64_t{100'000'000}));
  sub->add_option("-t,--time", flags->seconds, "budget: seconds of search")->check(CLI::Range(0.1, 1e7));
  sub->add_option("--seed", flags->seed, "same seed, same run")->capture_default_str();
  sub->add_option("-j,--jobs", flags->jobs, "workers; default: one per CPU. Does not change the result")->check(CLI::Range(1, 256));
  sub->add_option("--islands", flags->islands, "sub-populations")->check(CLI::Range(1, 64))->capture_default_str();
  sub->add_option("--kb", flags->kb, "knowledge base file; default: knowledge.db in the state folder");
  sub->add_flag("--no-kb", flags->no_kb, "neither start from the knowledge base nor archive the winner");
  AddCommonFlags(*sub, command);
  sub->footer("Example:  osevolve evolve workloads/hol.toml\n          osevolve evolve --resume --out runs/hol-1");
  sub->callback([flags, &command] { command.run = [flags, &command] { return RunEvolve(*flags, command.flags); }; });
}

}  // namespace ose
