// osevolve bench engine: this engine beside what it has to beat, at the same number of evaluations.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "base/file.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/gnuplot.h"
#include "cli/run_plan.h"
#include "core/exit_code.h"
#include "evolve/evolution.h"
#include "prove/proof.h"
#include "prove/race.h"
#include "report/engine_table.h"

namespace ose {
namespace {

using nlohmann::json;

// Three kinds of schedule: a queue of many cheap and few dear requests, batch beside interactive tasks, threads
// that are released at once. All leave room: where nobody finds anything, nothing is compared.
const std::vector<std::string> kWorkloads = {"bimodal-1-100-2cpu", "antagonist-2cpu", "hol-8x2"};

constexpr int kFinalists = 8;

struct BenchFlags {
  std::vector<std::string> workloads = kWorkloads;
  std::vector<std::string> strategies = {"evolve", "random", "best-of-n", "tunables"};
  int64_t evals = 300;
  int seeds = 5;
  uint64_t first_seed = 1;
  int jobs = 0;
  bool quick = false;
  std::string out;
  SearchPlan search;
};

class EngineBench {
 public:
  EngineBench(const BenchFlags& flags, const CommonFlags& common, const Context& context, const Problem& problem, Evaluator& evaluator, Mutator& mutator)
      : flags_(flags), context_(context), problem_(problem), evaluator_(evaluator), mutator_(mutator), progress_(common) {}

  Result<EngineResult> Run() {
    EngineResult result{problem_.workload.name, problem_.machine.name, flags_.evals, 0, {}};
    for (const std::string& strategy : flags_.strategies) result.rows.push_back({strategy, {}});
    // Seed by seed, so that what is cut off is cut off for all alike.
    for (int i = 0; i < flags_.seeds; ++i) {
      const uint64_t seed = flags_.first_seed + static_cast<uint64_t>(i);
      for (EngineRow& row : result.rows) {
        OSE_ASSIGN(EngineRun run, Search(row.strategy, seed, &result));
        row.runs.push_back(std::move(run));
      }
    }
    result.hand_written /= flags_.seeds;
    progress_.Clear();
    return result;
  }

 private:
  Result<EngineRun> Search(const std::string& strategy, uint64_t seed, EngineResult* result) {
    PlanOptions options;
    options.seed = seed;
    options.evals = flags_.evals;
    options.search = flags_.search;
    options.search.strategy = strategy;
    // The others have one population: islands are a part of the engine.
    if (strategy != "evolve") options.search.islands = 1;
    OSE_ASSIGN(RunPlan plan, MakePlan(context_, problem_, options, nullptr));
    OSE_ASSIGN(EvolutionOptions evolution_options, SearchOptions(problem_, plan));
    evolution_options.stop = &StopOnSignals();
    OSE_ASSIGN(TempDir dir, TempDir::Make("osevolve-bench"));
    OSE_ASSIGN(RunDb db, RunDb::Open(JoinPath(dir.path(), "run.db"), OpenMode::kCreate));
    Evolution evolution(evolution_options, plan.seeds, evaluator_, mutator_, db);
    EngineRun run;
    evolution.on_best = [&](int64_t, double best) { run.best.push_back(best); };
    evolution.on_progress = [&](const EvolutionProgress& p) {
      progress_.Show(fmt::format("{} seed {} {}: {} of {} evaluations, best {:.2f}", problem_.workload.name, seed, strategy, p.evaluations, flags_.evals, p.best_score));
    };
    OSE_ASSIGN(EvolutionResult search, evolution.Run());
    if (StopOnSignals()) return Error{kExitInterrupted, "interrupted: nothing to compare"};
    // Whatever searched: its best few race on seeds that it never saw, as `evolve` picks its winner.
    RaceOptions race{.seeds = MakeSeeds(SeedFamily::kSelect, seed, problem_.workload.select_seeds), .stop = &StopOnSignals(), .on_progress = {}};
    const std::vector<const RankedCandidate*> entries = Finalists(search.ranking, kFinalists);
    std::vector<RaceEntry> finalists;
    for (const RankedCandidate* c : entries) finalists.push_back({fmt::format("finalist-{}.cc", c->id), c->source});
    OSE_ASSIGN(RaceResult raced, Race(race, finalists, evaluator_));
    const std::vector<uint64_t> final_seeds = MakeSeeds(SeedFamily::kFinal, seed, problem_.workload.final_seeds);
    // As in `evolve`, whoever fails on final seeds makes way for the next; when all do, the search was worth nothing.
    for (size_t i = 0; i < raced.order.size() && run.final_score == 0; ++i) {
      OSE_ASSIGN(run.final_score, FinalScore(*entries[raced.order[i]], final_seeds));
    }
    if (strategy == flags_.strategies[0]) {
      for (const RankedCandidate& c : search.ranking) {
        if (c.name.empty()) continue;
        OSE_ASSIGN(double score, FinalScore(c, final_seeds));
        result->hand_written += score;
        break;
      }
    }
    return run;
  }

  Result<double> FinalScore(const RankedCandidate& c, const std::vector<uint64_t>& seeds) {
    std::future<Evaluation> future = evaluator_.Submit({.source = c.source, .file = "winner.cc", .seeds = seeds, .skeleton_of = {}});
    OSE_TRY(Await(future, [] {}));
    const Evaluation e = future.get();
    return e.outcome == Outcome::kOk ? e.MeanScore() : 0;
  }

  const BenchFlags& flags_;
  const Context& context_;
  const Problem& problem_;
  Evaluator& evaluator_;
  Mutator& mutator_;
  ProgressLine progress_;
};

Status RunBenchEngine(BenchFlags flags, const CommonFlags& common) {
  OSE_ASSIGN(Context context, Context::Find());
  if (flags.quick) {
    flags.workloads.resize(1);
    flags.evals = std::min<int64_t>(flags.evals, 60);
    flags.seeds = std::min(flags.seeds, 2);
  }
  OSE_ASSIGN(auto mutator, Mutator::Create(context.include_dir()));
  std::vector<EngineResult> results;
  json each = json::array();
  std::string text;
  Status interrupted;
  if (!flags.out.empty()) OSE_TRY(MakeDirs(flags.out));
  for (const std::string& workload : flags.workloads) {
    ProblemOptions options;
    options.workload = workload;
    OSE_ASSIGN(Problem problem, LoadProblem(context, options));
    OSE_ASSIGN(auto evaluator, MakeEvaluator(context, problem, flags.jobs));
    Result<EngineResult> ended = EngineBench(flags, common, context, problem, *evaluator, *mutator).Run();
    if (!ended.ok() && ended.error().code == kExitInterrupted && !results.empty()) {
      // A workload takes long: those that ended are not lost.
      interrupted = Error{kExitInterrupted, fmt::format("interrupted in {}; workloads before it are complete", problem.workload.name)};
      break;
    }
    if (!ended.ok()) return ended.error();
    EngineResult result = std::move(*ended);
    each.push_back(EngineJson(result));
    if (!common.json) fmt::print("{}{}", text.empty() ? "" : "\n", EngineText(result));
    fflush(stdout);
    text += EngineMarkdown(result) + "\n";
    if (!flags.out.empty()) {
      OSE_ASSIGN(std::string svg, DrawSvg(EngineChart(result)));
      OSE_TRY(WriteFileAtomic(JoinPath(flags.out, "engine-" + problem.workload.name + ".svg"), svg));
    }
    results.push_back(std::move(result));
  }
  if (results.size() > 1) {
    const std::string totals = EngineTotalsText(results);
    if (!common.json) fmt::print("\n{}", totals);
    text += totals;
  }
  const json all = {{"run_seeds", flags.seeds}, {"first_seed", flags.first_seed}, {"workloads", each}, {"totals", EngineTotalsJson(results)}};
  if (!flags.out.empty()) {
    OSE_TRY(WriteFileAtomic(JoinPath(flags.out, "engine.md"), text));
    OSE_TRY(WriteFileAtomic(JoinPath(flags.out, "engine.json"), all.dump(2) + "\n"));
  }
  if (common.json) PrintJson(all);
  return interrupted;
}

}  // namespace

void RegisterBench(CLI::App& app, Command& command) {
  CLI::App* bench = app.add_subcommand("bench", "Measure this program.");
  bench->require_subcommand(1);
  bench->footer("Example:  osevolve bench engine --quick");
  auto flags = std::make_shared<BenchFlags>();
  CLI::App* sub = bench->add_subcommand("engine", "The search beside random search, best-of-N and CMA-ES, at equal evaluations.");
  sub->add_option("-w,--workload", flags->workloads, "workloads: files or names")->capture_default_str();
  sub->add_option("-e,--evals", flags->evals, "evaluations of each search, the policies to start from included")->check(CLI::Range(int64_t{2}, int64_t{1'000'000}))->capture_default_str();
  sub->add_option("--seeds", flags->seeds, "run seeds: searches of each strategy")->check(CLI::Range(1, 1000))->capture_default_str();
  sub->add_option("--seed", flags->first_seed, "the first run seed")->capture_default_str();
  sub->add_option("--strategies", flags->strategies, fmt::format("what is compared; the first is measured against the others: {}", fmt::join(StrategyNames(), ", ")))
      ->check(CLI::IsMember(StrategyNames()))->capture_default_str();
  sub->add_option("-j,--jobs", flags->jobs, "workers; default: one per CPU")->check(CLI::Range(1, 256));
  sub->add_flag("--quick", flags->quick, "the first workload, at most 60 evaluations and 2 run seeds");
  sub->add_option("-o,--out", flags->out, "folder for charts (SVG), engine.md and engine.json");
  AddSearchFlags(*sub, &flags->search);
  sub->remove_option(sub->get_option("--strategy"));
  AddCommonFlags(*sub, command);
  sub->footer("Example:  osevolve bench engine --quick\n          osevolve bench engine -w exp-2cpu --evals 600 --seeds 10 -o bench-engine");
  sub->callback([flags, &command] { command.run = [flags, &command] { return RunBenchEngine(*flags, command.flags); }; });
}

}  // namespace ose
