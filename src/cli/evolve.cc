// osevolve evolve: the main job. Composition of the rooms:
//
//   workload + machine -> knowledge base -> evolution -> proof -> files -> knowledge base
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <memory>

#include "base/file.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/conclude.h"
#include "cli/context.h"
#include "cli/executor.h"
#include "cli/host_compare.h"
#include "cli/knowledge.h"
#include "cli/run_plan.h"
#include "core/exit_code.h"
#include "evolve/evolution.h"
#include "report/rows.h"

namespace ose {
namespace {

using nlohmann::json;

struct EvolveFlags {
  ProblemOptions problem;
  PlanOptions plan;
  std::string out;
  bool resume = false, no_kb = false, dry_run = false;
  int jobs = 0;
  HostFlags host;
  ExecutorFlags executor;
};

std::string ProgressText(const EvolutionProgress& p) {
  std::string left = p.left == Nanos::Max() ? "" : fmt::format("  {:.0f} s left", p.left.s());
  std::string models;
  if (p.model_calls > 0 || p.calls_in_flight > 0)
    models = fmt::format("  {} calls ({} in flight), ${:.2f}", p.model_calls, p.calls_in_flight, p.usd);
  return fmt::format("generation {}  {} evaluations ({:.1f}/s)  best {:.2f}% of bound  gain {:+.2f}%{}{}", p.generation,
                     p.evaluations, p.per_second, p.best_score, p.gain_pct, models, left);
}

// Scores the policies to start from and shows what the first calls would be told and cost.
Status DryRun(const EvolveFlags& flags, const CommonFlags& common, const Problem& problem, const RunPlan& plan, ModelSearchOptions models,
              Evaluator& evaluator, Mutator& mutator) {
  OSE_ASSIGN(TempDir dir, TempDir::Make("osevolve-dry-run"));
  OSE_ASSIGN(RunDb db, RunDb::Open(JoinPath(dir.path(), "run.db"), OpenMode::kCreate));
  OSE_ASSIGN(EvolutionOptions options, SearchOptions(problem, plan));
  options.max_evaluations = static_cast<int64_t>(plan.seeds.size());
  options.models = models;
  Evolution evolution(options, plan.seeds, evaluator, mutator, db);
  ProgressLine progress(common);
  evolution.on_progress = [&](const EvolutionProgress& p) { progress.Show(fmt::format("scoring the policies to start from: {} of {}", p.evaluations, plan.seeds.size())); };
  OSE_ASSIGN(EvolutionResult search, evolution.Run());
  progress.Clear();
  OSE_ASSIGN(std::vector<PromptInput> prompts, evolution.SamplePrompts());
  json result;
  OSE_ASSIGN(std::string text, DescribeDryRun(models, plan.models, prompts, flags.out, &result));
  if (common.json) PrintJson(result);
  else fmt::print("{}", text);
  return {};
}

// The winner and the best hand-written policy beside the kernel's own scheduler, on a real kernel.
Status Confirm(const Context& context, const EvolveFlags& flags, const CommonFlags& common, const Problem& problem, const RunPlan& plan,
               Conclusion* conclusion) {
  std::vector<NamedSource> policies;
  const std::string baseline = conclusion->result["best_baseline"];
  for (const SeedPolicy& seed : plan.seeds)
    if (seed.name == baseline) policies.push_back({seed.name, seed.name + ".cc", seed.source});
  const std::string best = JoinPath(flags.out, "best.cc");
  OSE_ASSIGN(std::string source, ReadFile(best, 1 << 20));
  policies.push_back({"best", best, source});
  const int n = flags.host.rounds * flags.host.boots;
  ProgressLine progress(common);
  OSE_ASSIGN(std::vector<ReportRow> rows, HostCompare(context, flags.host, problem, policies, MakeSeeds(SeedFamily::kFinal, plan.seed, n),
                                                      [&](const std::string& text) { progress.Show(text, true); }));
  progress.Clear();
  const ReportHead head = HostHead(flags.host, problem, fmt::format("final:{}", n));
  conclusion->result["confirmed"] = RowsJson(head, rows, true);
  conclusion->summary += "\nconfirmed on a kernel\n" + RowsTable(head, problem.workload.objectives, rows);
  for (const ReportRow& row : rows)
    if (row.evaluation.outcome != Outcome::kOk) conclusion->summary += row.policy + ": " + row.evaluation.diagnosis + "\n";
  OSE_TRY(WriteFileAtomic(JoinPath(flags.out, "confirmed.json"), conclusion->result["confirmed"].dump(2) + "\n"));
  return {};
}

Status RunEvolve(EvolveFlags flags, const CommonFlags& common) {
  const Nanos start = MonotonicNow();
  const std::atomic<bool>& stop = StopOnSignals();
  OSE_ASSIGN(Context context, Context::Find());
  if (flags.resume && flags.out.empty()) return Error{kExitUsage, "--resume needs the run's folder: --out DIR --resume"};
  if (!flags.resume && flags.problem.workload.empty()) return Error{kExitUsage, "which workload? for example: osevolve evolve hol (list them: osevolve workloads)"};

  std::optional<Knowledge> knowledge;
  if (!flags.no_kb) {
    OSE_ASSIGN(knowledge, Knowledge::Open(KnowledgeBasePath(context, flags.plan.kb)));
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
    if (flags.plan.evals > 0) plan.evals = flags.plan.evals;
    if (flags.plan.seconds > 0) plan.seconds = flags.plan.seconds;
    plan.models = Merged(std::move(plan.models), flags.plan.models);
    OSE_ASSIGN(problem, MakeProblem(plan.workload_text, plan.machine_text));
  } else {
    OSE_ASSIGN(problem, LoadProblem(context, flags.problem));
    OSE_ASSIGN(plan, MakePlan(context, problem, flags.plan, knowledge ? &*knowledge : nullptr));
  }
  OSE_ASSIGN(auto mutator, Mutator::Create(context.include_dir()));
  std::optional<ModelSearchOptions> models;
  if (!plan.models.llm.empty()) {
    OSE_ASSIGN(models, MakeModelSearch(context, problem, plan.models, plan.seed, SearchSeeds(problem, plan), ProcessEnvironment(), db ? &*db : nullptr));
  } else if (plan.models.budget_usd || plan.models.budget_calls || plan.models.budget_tokens || plan.models.share || flags.dry_run) {
    return Error{kExitUsage, "--budget-*, --llm-share and --llm-dry-run need a model: --llm PROVIDER:MODEL (docs/models/README.md)"};
  }
  if (flags.out.empty() && !flags.dry_run) flags.out = FreshOut(problem.workload.name);
  OSE_ASSIGN(auto evaluator, MakeEvaluatorOn(flags.dry_run ? ExecutorFlags{} : flags.executor, context, problem, flags.jobs, JoinPath(flags.out, "slurm")));
  if (flags.dry_run) return DryRun(flags, common, problem, plan, std::move(*models), *evaluator, *mutator);
  // From here on the run exists.
  if (!flags.resume) {
    OSE_TRY(MakeDirs(flags.out));
    OSE_ASSIGN(db, RunDb::Open(JoinPath(flags.out, "run.db"), OpenMode::kCreate));
    OSE_TRY(db->SaveConfig({.json = PlanJson(plan).dump(), .json_wall = json{{"jobs", flags.jobs}}.dump()}));
  }

  const std::string go_on = "osevolve evolve --resume --out " + flags.out;

  OSE_ASSIGN(EvolutionOptions options, SearchOptions(problem, plan));
  if (plan.seconds > 0) options.time_budget = {static_cast<int64_t>(plan.seconds * 1e9)};
  options.stop = &stop;
  options.models = std::move(models);
  if (flags.resume && flags.plan.evals == 0 && flags.plan.seconds == 0) {
    OSE_ASSIGN(auto done, db->LoadResult("search"));
    if (done) options.max_evaluations = json::parse(done->json, nullptr, false).value("evaluations", plan.evals);
  }
  Evolution evolution(options, plan.seeds, *evaluator, *mutator, *db);
  ProgressLine progress(common);
  evolution.on_progress = [&](const EvolutionProgress& p) { progress.Show(ProgressText(p)); };
  std::ofstream log(JoinPath(flags.out, "evolve.log"), std::ios::trunc);
  evolution.on_commit = [&](const std::string& line) { log << line << '\n' << std::flush; };
  OSE_ASSIGN(EvolutionResult search, evolution.Run());
  // A search that ran to its end is over: to resume it means to prove and archive, not to search on.
  if (!search.interrupted) OSE_TRY(db->SaveResult("search", {.json = json{{"evaluations", search.evaluations}}.dump(), .json_wall = "{}"}));
  log.close();
  if (log.fail()) return Error{kExitIo, "cannot write " + flags.out + "/evolve.log: is the disk full? Go on with: " + go_on};

  ConcludeOptions conclude;
  conclude.out = flags.out;
  conclude.go_on = go_on;
  conclude.not_archived = "not archived: --no-kb";
  conclude.started = start;
  conclude.stop = &stop;
  conclude.on_progress = [&](const std::string& text, bool force) { progress.Show(text, force); };
  // After Ctrl-C in the search the best so far is still proven; a second one ends the process.
  conclude.on_proven = [&] {
    progress.Clear();
    if (search.interrupted) PrintNote("interrupted: this is the best so far; go on with: " + go_on, common);
  };
  OSE_ASSIGN(Conclusion conclusion, Conclude(conclude, problem, plan, search, *evaluator, *db, knowledge ? &*knowledge : nullptr));
  if (flags.host.host != "sim") {
    Status confirmed = Confirm(context, flags, common, problem, plan, &conclusion);
    // The run itself is done and kept.
    if (!confirmed.ok()) conclusion.summary += "\nnot confirmed on a kernel: " + confirmed.error().message + "\n";
  }
  if (common.json) PrintJson(conclusion.result);
  else fmt::print("{}", conclusion.summary);
  return {};
}

}  // namespace

void RegisterEvolve(CLI::App& app, Command& command) {
  auto flags = std::make_shared<EvolveFlags>();
  CLI::App* sub = app.add_subcommand("evolve", "Search for a better policy for a workload, and prove it.");
  sub->add_option("workload", flags->problem.workload, "workload: a file or a name (osevolve workloads)");
  sub->add_option("-m,--machine", flags->problem.machine, "machine profile: a file or a name; default: the workload's");
  sub->add_option("--cpus", flags->problem.cpus, "number of CPUs instead of the profile's")->check(CLI::Range(1, kMaxCpus));
  sub->add_option("--from", flags->plan.from, "policy to start from and to measure gains against; default: the workload's veteran, else cfs");
  sub->add_option("-o,--out", flags->out, "folder of the run; default: runs/WORKLOAD-N");
  sub->add_flag("--resume", flags->resume, "go on with the run in --out");
  sub->add_option("-e,--evals", flags->plan.evals, "budget: policies evaluated in the search (default: 600, at most 90 s)")->check(CLI::Range(int64_t{1}, int64_t{100'000'000}));
  sub->add_option("-t,--time", flags->plan.seconds, "budget: seconds of search")->check(CLI::Range(0.1, 1e7));
  sub->add_option("--seed", flags->plan.seed, "same seed, same run")->capture_default_str();
  sub->add_option("-j,--jobs", flags->jobs, "workers; default: one per CPU. Does not change the result")->check(CLI::Range(1, 256));
  AddSearchFlags(*sub, &flags->plan.search);
  sub->add_option("--kb", flags->plan.kb, "knowledge base file; default: knowledge.db in the state folder");
  sub->add_flag("--no-kb", flags->no_kb, "neither start from the knowledge base nor archive the winner");
  AddHostFlags(*sub, &flags->host);
  AddExecutorFlags(*sub, &flags->executor);
  sub->get_option("--host")->description("where the winner is confirmed beside the kernel's own scheduler: sim (nowhere), vm, live");
  AddModelFlags(*sub, &flags->plan.models);
  sub->add_flag("--llm-dry-run", flags->dry_run, "send nothing: show what the first prompts are and what calls would cost");
  AddCommonFlags(*sub, command);
  sub->footer("Example:  osevolve evolve workloads/hol.toml\n          osevolve evolve hol --llm anthropic:claude-sonnet-4-5 --budget-usd 2\n          osevolve evolve sysbench-threads-4x2 --host vm\n          osevolve evolve --resume --out runs/hol-1");
  sub->callback([flags, &command] { command.run = [flags, &command] { return RunEvolve(*flags, command.flags); }; });
}

}  // namespace ose
