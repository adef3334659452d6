// osevolve plot: charts as SVG.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/edit_distance.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/gnuplot.h"
#include "cli/log_flags.h"
#include "cli/run_plan.h"
#include "core/exit_code.h"
#include "report/charts.h"
#include "store/run_db.h"

namespace ose {
namespace {

using nlohmann::json;

constexpr int64_t kGanttEvents = 20'000;  // more is a picture that nobody can read

struct PlotFlags {
  std::vector<std::string> inputs;  // policies, files or runs
  ProblemOptions problem;
  std::string metric, seeds, kb, out;
  uint64_t seed = 1;
  int jobs = 0;
  LogFlags log{.max_events = kGanttEvents};
};

Status Write(const PlotFlags& flags, const CommonFlags& common, const Chart& chart) {
  OSE_ASSIGN(const std::string svg, DrawSvg(chart));
  OSE_TRY(WriteFileAtomic(flags.out, svg));
  json series = json::array();
  for (const ChartSeries& s : chart.series)
    if (!s.name.empty()) series.push_back(s.name);
  if (common.json) PrintJson({{"file", flags.out}, {"title", chart.title}, {"subtitle", chart.subtitle}, {"series", series}});
  else fmt::print("{}: {}\n", flags.out, chart.title);
  return {};
}

// What the simulator is asked for, with progress; in the order of `futures`.
template <class T>
Status AwaitAll(std::vector<std::future<T>>& futures, const CommonFlags& common) {
  ProgressLine progress(common);
  for (size_t i = 0; i < futures.size(); ++i)
    OSE_TRY(Await(futures[i], [&] { progress.Show(fmt::format("simulating ({} of {})", i + 1, futures.size())); }));
  return {};
}

// --- Distributions ------------------------------------------------------------------------

// What the first objective that is a quantile or mean of samples is of, else all latencies.
std::string DefaultMetric(const Workload& workload) {
  for (const Objective& o : workload.objectives)
    for (const char* what : {"latency", "slowdown", "start", "wakeup"}) {
      const size_t at = o.metric.rfind(std::string(what) + "_");
      if (at != std::string::npos && (at == 0 || o.metric[at - 1] == '.')) return o.metric.substr(0, at) + what;
    }
  return "latency";
}

Status CheckMetric(const Workload& workload, const std::string& metric) {
  std::vector<std::string> known = {"latency", "slowdown", "start", "wakeup"};
  if (workload.groups.size() > 1)
    for (const Group& g : workload.groups)
      for (const char* what : {"latency", "slowdown", "start", "wakeup"}) known.push_back(g.name + "." + what);
  if (std::find(known.begin(), known.end(), metric) != known.end()) return {};
  return Error{kExitUsage, fmt::format("--metric {}: no distribution of that name{}; it is latency, slowdown, start or wakeup, with "
                                       "'GROUP.' before it for one group of tasks", metric, DidYouMean(metric, known))};
}

Status PlotCdf(PlotFlags flags, const CommonFlags& common) {
  OSE_ASSIGN(Context context, Context::Find());
  OSE_ASSIGN(Problem problem, LoadProblem(context, flags.problem));
  if (flags.metric.empty()) flags.metric = DefaultMetric(problem.workload);
  OSE_TRY(CheckMetric(problem.workload, flags.metric));
  SeedSpec spec{SeedFamily::kSearch, problem.workload.search_seeds};
  if (!flags.seeds.empty()) {
    OSE_ASSIGN(spec, ParseSeedSpec(flags.seeds));
  }
  const std::vector<uint64_t> seeds = MakeSeeds(spec.family, flags.seed, spec.count);
  std::vector<NamedSource> sources;
  for (const std::string& name : flags.inputs) {
    OSE_ASSIGN(NamedSource source, LoadPolicy(context, KnowledgeBasePath(context, flags.kb), name));
    sources.push_back(std::move(source));
  }
  OSE_ASSIGN(auto evaluator, MakeEvaluator(context, problem, flags.jobs));
  std::vector<std::future<Result<std::vector<WorkerSeed>>>> futures;
  for (const NamedSource& s : sources)
    for (uint64_t seed : seeds) futures.push_back(evaluator->SubmitWatched(s.source, s.path, {seed}, {.distributions = {flags.metric}}));
  OSE_TRY(AwaitAll(futures, common));
  std::vector<CdfCurve> curves;
  for (size_t i = 0; i < futures.size(); ++i) {
    if (i % seeds.size() == 0) curves.push_back({sources[i / seeds.size()].name, {}});
    OSE_ASSIGN(std::vector<WorkerSeed> results, futures[i].get());
    auto it = results[0].distributions.find(flags.metric);
    if (it == results[0].distributions.end())
      return Error{kExitNotFound, fmt::format("workload {} has no samples of '{}' under {}", problem.workload.name, flags.metric, curves.back().policy)};
    curves.back().seeds.push_back(std::move(it->second));
  }
  const std::string where = fmt::format("{}, {} CPUs; {} {} seeds from {}{}", problem.machine.name, problem.machine.cpus, spec.count,
                                        SeedFamilyName(spec.family), flags.seed,
                                        spec.count > 1 ? "; mean of the seeds, band: its 95% interval" : "");
  return Write(flags, common, CdfChart(problem.workload.name, flags.metric, where, curves));
}

// --- Load ---------------------------------------------------------------------------------

Status PlotLoad(const PlotFlags& flags, const CommonFlags& common) {
  LoadCurves curves;
  const std::string metric = flags.metric.empty() ? "latency_p99" : flags.metric;
  for (const std::string& file : flags.inputs) {
    OSE_ASSIGN(const std::string text, ReadFile(file));
    const json j = json::parse(text, nullptr, false);
    if (j.is_discarded()) return Error{kExitUsage, file + ": no JSON; it is the output of osevolve sweep ... --json"};
    OSE_TRY(AddLoadCurves(j, file, metric, curves));
  }
  return Write(flags, common, LoadChart(curves, metric));
}

// --- A schedule ---------------------------------------------------------------------------

Status PlotGantt(const PlotFlags& flags, const CommonFlags& common) {
  OSE_ASSIGN(const ScheduleLogOptions options, flags.log.Options());
  OSE_ASSIGN(Context context, Context::Find());
  OSE_ASSIGN(Problem problem, LoadProblem(context, flags.problem));
  OSE_ASSIGN(NamedSource source, LoadPolicy(context, KnowledgeBasePath(context, flags.kb), flags.inputs[0]));
  OSE_ASSIGN(auto evaluator, MakeEvaluator(context, problem, 1));
  std::vector<std::future<Result<std::vector<WorkerSeed>>>> futures;
  futures.push_back(evaluator->SubmitWatched(source.source, source.path, MakeSeeds(SeedFamily::kSearch, flags.seed, 1), {.log = options}));
  OSE_TRY(AwaitAll(futures, common));
  OSE_ASSIGN(const ScheduleLog log, LogOf(futures[0].get()));
  if (log.full) PrintNote(flags.out + ": " + WhereLogEnds(log), common);
  return Write(flags, common, GanttChart(log, source.name));
}

// --- A run of evolve ----------------------------------------------------------------------

Status PlotRun(const PlotFlags& flags, const CommonFlags& common) {
  const std::string& run = flags.inputs[0];
  const std::string path = JoinPath(run, "run.db");
  if (!FileExists(path)) return Error{kExitNotFound, run + ": holds no run (" + path + " is missing)"};
  OSE_ASSIGN(RunDb db, RunDb::Open(path, OpenMode::kReadOnly));
  OSE_ASSIGN(auto config, db.LoadConfig());
  std::vector<RunPoint> points;
  OSE_TRY(db.ForEachCandidate(RunDb::With::kScores, [&](const StoredCandidate& c) {
    if (!c.outcome) return true;
    RunPoint p{.id = c.proposal.id, .score = {}, .failed = *c.outcome != Outcome::kOk, .seed_policy = c.proposal.op == "seed" ? c.proposal.note : ""};
    if (const auto& full = c.scores[static_cast<int>(Stage::kFull)]; full && !p.failed) p.score = full->mean;
    points.push_back(std::move(p));
    return true;
  }));
  std::string workload = Basename(run);
  if (config) {
    OSE_ASSIGN(const RunPlan plan, PlanFromJson(config->json, path));
    OSE_ASSIGN(const Problem problem, MakeProblem(plan.workload_text, plan.machine_text));
    workload = problem.workload.name;
  }
  return Write(flags, common, RunChart(run, workload, points));
}

}  // namespace

void RegisterPlot(CLI::App& app, Command& command) {
  CLI::App* plot = app.add_subcommand("plot", "Draw a chart as SVG, with gnuplot.");
  plot->require_subcommand(1);
  plot->footer("Example:  osevolve plot cdf fifo cfs shinjuku -w exp-2cpu -o cdf.svg");
  auto add = [&](const char* name, const char* what, const char* inputs, const char* example, auto run) {
    auto flags = std::make_shared<PlotFlags>();
    CLI::App* sub = plot->add_subcommand(name, what);
    sub->add_option(inputs, flags->inputs)->required();
    sub->add_option("-o,--out", flags->out, "SVG file; written over")->required();
    AddCommonFlags(*sub, command);
    sub->footer(std::string("Example:  ") + example);
    sub->callback([flags, &command, run] { command.run = [flags, &command, run] { return run(*flags, command.flags); }; });
    return std::pair(sub, flags);
  };
  auto add_problem = [](CLI::App* sub, PlotFlags& flags) {
    sub->add_option("-w,--workload", flags.problem.workload, "workload: a file or a name (osevolve workloads)")->required();
    sub->add_option("-m,--machine", flags.problem.machine, "machine profile: a file or a name; default: the workload's");
    sub->add_option("--cpus", flags.problem.cpus, "number of CPUs instead of the profile's")->check(CLI::Range(1, kMaxCpus));
    sub->add_option("--seed", flags.seed, "base of all seed families")->capture_default_str();
    sub->add_option("--kb", flags.kb, "knowledge base file, for kb:HASH");
  };
  {
    auto [sub, flags] = add("cdf", "Latency distributions of policies on a workload, with their tails.", "policies",
                            "osevolve plot cdf fifo cfs shinjuku -w exp-2cpu -o cdf.svg", PlotCdf);
    add_problem(sub, *flags);
    sub->add_option("--metric", flags->metric, "latency, slowdown, start or wakeup, or GROUP.latency ...; default: the workload's objective");
    sub->add_option("--seeds", flags->seeds, "FAMILY:N with family search, select or final");
    sub->add_option("-j,--jobs", flags->jobs, "workers; default: one per CPU")->check(CLI::Range(1, 256));
  }
  {
    auto [sub, flags] = add("load", "A metric of policies by load, from the JSON of osevolve sweep.", "files",
                            "osevolve plot load sweep.json --metric latency_p99 -o load.svg", PlotLoad);
    sub->add_option("--metric", flags->metric, "metric; default: latency_p99");
  }
  {
    auto [sub, flags] = add("gantt", "One simulated schedule: what each CPU and task did when.", "policy",
                            "osevolve plot gantt cfs -w hol --to-ms 20 -o gantt.svg", PlotGantt);
    sub->get_option("policy")->expected(1);
    add_problem(sub, *flags);
    flags->log.AddTo(*sub);
  }
  {
    auto [sub, flags] = add("run", "Score against evaluations of a run of evolve.", "run", "osevolve plot run runs/hol-1 -o run.svg", PlotRun);
    sub->get_option("run")->expected(1);
  }
}

}  // namespace ose
