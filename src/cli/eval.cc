// osevolve eval, osevolve compare: run policies on a workload.
#include <fmt/format.h>

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstring>
#include <filesystem>
#include <memory>

#include "base/file.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/executor.h"
#include "cli/host_compare.h"
#include "cli/log_flags.h"
#include "core/exit_code.h"
#include "report/perfetto_trace.h"
#include "report/rows.h"

namespace ose {
namespace {

struct EvalFlags {
  std::vector<std::string> policies;
  ProblemOptions problem;
  std::string seeds, kb;
  uint64_t seed = 1;
  int jobs = 0;
  bool profile = false;
  std::string trace;  // file
  LogFlags log;
  HostFlags host;
  ExecutorFlags executor;
};

// What failed is said after the table; the exit code is that of the first failure.
Status Failures(const Problem& problem, const std::vector<ReportRow>& rows, const std::function<int(const Evaluation&)>& exit_code) {
  int code = kExitOk;
  fflush(stdout);
  for (const ReportRow& row : rows) {
    if (row.evaluation.outcome == Outcome::kOk) continue;
    const int its = exit_code(row.evaluation);
    if (code == kExitOk) code = its;
    PrintError({its, WithPlace(problem, row.evaluation.diagnosis)}, {.json = false});  // with --json it is in the rows
  }
  if (code != kExitOk) return Error{code, ""};  // all is said
  return {};
}

Status EvalOnHost(const EvalFlags& flags, const CommonFlags& common, const Context& context, const Problem& problem,
                  const std::vector<NamedSource>& sources, SeedFamily family) {
  if (flags.profile) return Error{kExitUsage, "--profile is for the simulator; leave out --host"};
  if (!flags.trace.empty()) return Error{kExitUsage, "--trace is for the simulator; leave out --host"};
  if (!flags.executor.local()) return Error{kExitUsage, "--executor slurm is for the simulator; leave out --host"};
  if (!flags.seeds.empty()) return Error{kExitUsage, "on a kernel the number of seeds is --rounds times --boots; leave out --seeds"};
  const int n = flags.host.rounds * flags.host.boots;
  ProgressLine progress(common);
  OSE_ASSIGN(std::vector<ReportRow> rows, HostCompare(context, flags.host, problem, sources, MakeSeeds(family, flags.seed, n),
                                                      [&](const std::string& text) { progress.Show(text, true); }));
  progress.Clear();
  const ReportHead head = HostHead(flags.host, problem, fmt::format("{}:{}", SeedFamilyName(family), n));
  if (common.json) PrintJson(RowsJson(head, rows, true));
  else fmt::print("{}", RowsTable(head, problem.workload.objectives, rows));
  return Failures(problem, rows, [](const Evaluation& e) { return OutcomeExitCode(e.outcome); });
}

Result<RowTrace> WriteTrace(const std::string& file, const std::string& policy, const ScheduleLog& log, const CommonFlags& common) {
  OSE_TRY(WriteFileAtomic(file, PerfettoTrace(log, policy)));
  if (log.full) PrintNote(file + ": " + WhereLogEnds(log), common);
  return RowTrace{file, log.seed, log.begin_ns, log.end_ns, log.run_ns, static_cast<int64_t>(log.events.size()), log.full};
}

Status RunEval(const EvalFlags& flags, const CommonFlags& common, bool compare) {
  StopOnSignals();
  OSE_ASSIGN(Context context, Context::Find());
  OSE_ASSIGN(Problem problem, LoadProblem(context, flags.problem));
  SeedSpec spec{compare ? SeedFamily::kFinal : SeedFamily::kSearch,
                compare ? problem.workload.final_seeds : problem.workload.search_seeds};
  if (!flags.seeds.empty()) {
    OSE_ASSIGN(spec, ParseSeedSpec(flags.seeds));
  }
  const std::vector<uint64_t> seeds = MakeSeeds(spec.family, flags.seed, spec.count);
  if (!flags.trace.empty() && flags.policies.size() != 1) return Error{kExitUsage, "--trace draws one schedule; name one policy"};
  OSE_ASSIGN(const ScheduleLogOptions log_options, flags.log.Options());
  std::vector<NamedSource> sources;
  if (flags.policies.empty()) {
    OSE_ASSIGN(sources, ShippedPolicies(context));
  }
  for (const std::string& name : flags.policies) {
    if (name == kKernelPolicy && flags.host.host != "sim") continue;  // always there
    if (name.starts_with(kProgramPrefix)) {
      const std::string path = name.substr(strlen(kProgramPrefix));
      if (flags.host.host == "sim") return Error{kExitUsage, name + ": a program rules a kernel, not the model: --host vm"};
      if (access(path.c_str(), X_OK) != 0) return Error{kExitNotFound, path + ": there is no such program"};
      sources.push_back({Basename(path), kProgramPrefix + std::string(std::filesystem::absolute(path)), ""});
      continue;
    }
    OSE_ASSIGN(NamedSource source, LoadPolicy(context, KnowledgeBasePath(context, flags.kb), name));
    sources.push_back(std::move(source));
  }
  if (flags.host.host != "sim") return EvalOnHost(flags, common, context, problem, sources, spec.family);
  OSE_ASSIGN(auto evaluator, MakeEvaluatorOn(flags.executor, context, problem, flags.jobs, ""));
  std::vector<std::future<Evaluation>> futures;
  for (const NamedSource& s : sources) futures.push_back(evaluator->Submit({.source = s.source, .file = s.path, .seeds = seeds, .skeleton_of = {}}));
  ProgressLine progress(common);
  std::vector<ReportRow> rows;
  for (size_t i = 0; i < futures.size(); ++i) {
    auto wait = [&](auto& future, const char* doing) {
      return Await(future, [&] { progress.Show(fmt::format("{} {} ({} of {})", doing, sources[i].name, i + 1, futures.size())); });
    };
    OSE_TRY(wait(futures[i], "evaluating"));
    ReportRow row;
    row.policy = sources[i].name;
    row.evaluation = futures[i].get();
    if (flags.profile && row.evaluation.outcome == Outcome::kOk) {
      auto profile = evaluator->SubmitProfile(sources[i].source, sources[i].path, seeds[0]);
      OSE_TRY(wait(profile, "profiling"));
      OSE_ASSIGN(row.profile, profile.get());
    }
    if (!flags.trace.empty() && row.evaluation.outcome == Outcome::kOk) {
      auto watched = evaluator->SubmitWatched(sources[i].source, sources[i].path, {seeds[0]}, {.log = log_options});
      OSE_TRY(wait(watched, "tracing"));
      OSE_ASSIGN(ScheduleLog log, LogOf(watched.get()));
      progress.Clear();
      OSE_ASSIGN(row.trace, WriteTrace(flags.trace, row.policy, log, common));
    }
    if (compare && i > 0 && rows[0].evaluation.outcome == Outcome::kOk && row.evaluation.outcome == Outcome::kOk) {
      row.vs_policy = rows[0].policy;
      row.vs = PairedGainPct(rows[0].evaluation.Scores(), row.evaluation.Scores());
    }
    rows.push_back(std::move(row));
  }
  progress.Clear();
  ReportHead head{problem.workload.name, "sim", problem.machine.name, problem.machine.cpus,
                  fmt::format("{}:{}", SeedFamilyName(spec.family), spec.count)};
  if (common.json) PrintJson(RowsJson(head, rows, compare));
  else fmt::print("{}", RowsTable(head, problem.workload.objectives, rows));
  for (const ReportRow& row : rows)
    if (row.profile && !common.json) fmt::print("\n{}\n{}", rows.size() > 1 ? row.policy + "\n" : "", FormatProfile(*row.profile));
  return Failures(problem, rows, [&](const Evaluation& e) { return evaluator->ExitCode(e); });
}

void Add(CLI::App& app, Command& command, const char* name, const char* what, const char* example, bool compare) {
  auto flags = std::make_shared<EvalFlags>();
  CLI::App* sub = app.add_subcommand(name, what);
  sub->add_option("policies", flags->policies, "policies: files, names (osevolve policies) or kb:HASH; default: all hand-written ones");
  sub->add_option("-w,--workload", flags->problem.workload, "workload: a file or a name (osevolve workloads)")->required();
  sub->add_option("-m,--machine", flags->problem.machine, "machine profile: a file or a name; default: the workload's");
  sub->add_option("--cpus", flags->problem.cpus, "number of CPUs instead of the profile's")->check(CLI::Range(1, kMaxCpus));
  sub->add_option("--seeds", flags->seeds, "FAMILY:N with family search, select or final");
  sub->add_option("--seed", flags->seed, "base of all seed families")->capture_default_str();
  sub->add_option("-j,--jobs", flags->jobs, "workers; default: one per CPU")->check(CLI::Range(1, 256));
  sub->add_option("--kb", flags->kb, "knowledge base file, for kb:HASH");
  if (!compare) sub->add_flag("--profile", flags->profile, "show where the time of the first seed's schedule goes");
  if (!compare) {
    sub->add_option("--trace", flags->trace, "write the first seed's schedule as a Perfetto trace, for ui.perfetto.dev");
    flags->log.AddTo(*sub);
  }
  AddHostFlags(*sub, &flags->host);
  AddExecutorFlags(*sub, &flags->executor);
  AddCommonFlags(*sub, command);
  sub->footer(example);
  sub->callback([flags, &command, compare] { command.run = [flags, &command, compare] { return RunEval(*flags, command.flags, compare); }; });
}

}  // namespace

void RegisterEval(CLI::App& app, Command& command) {
  Add(app, command, "eval", "Measure policies on a workload.", "Example:  osevolve eval cfs eevdf --workload hol\n          osevolve eval cfs --workload hol --trace hol.pftrace", false);
  Add(app, command, "compare", "Compare policies with the first one, paired by seed, with intervals.",
      "Example:  osevolve compare eevdf runs/hol-1/best.cc --workload hol --seeds final:64\n          osevolve compare vtime --workload sysbench-cpu-4x2 --host vm", true);
}

}  // namespace ose
