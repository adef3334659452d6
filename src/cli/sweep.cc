// osevolve sweep: policies over a range of loads, and the highest load at which each keeps an objective.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <memory>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "core/exit_code.h"
#include "report/rows.h"
#include "report/table.h"

namespace ose {
namespace {

using nlohmann::json;

constexpr double kMaxLoad = 3;
constexpr size_t kMaxLoads = 1000;
// What the table shows.
const std::vector<std::string> kShown = {"latency_p50", "latency_p99", "latency_p999", "slowdown_p50", "slowdown_p99", "slowdown_p999", "throughput"};

struct SweepFlags {
  std::vector<std::string> policies;
  ProblemOptions problem;
  std::string loads = "0.1:0.9:0.1", slo, seeds, kb;
  double precision = 0.005;
  uint64_t seed = 1;
  int jobs = 0;
};

Result<double> ParseNumber(std::string_view text, const char* flag) {
  double v = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (ec != std::errc() || end != text.data() + text.size() || !std::isfinite(v))
    return Error{kExitUsage, fmt::format("bad {} '{}': it is no number", flag, text)};
  return v;
}

// "0.1:0.9:0.1" (from, to, step) or "0.5,0.7,0.8". Rising.
Result<std::vector<double>> ParseLoads(const std::string& text) {
  const char separator = text.find(':') != text.npos ? ':' : ',';
  std::vector<double> numbers;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(separator, at), text.size());
    OSE_ASSIGN(double v, ParseNumber(std::string_view(text).substr(at, end - at), "--loads"));
    numbers.push_back(v);
    at = end + 1;
  }
  const Error bad{kExitUsage, fmt::format("bad --loads '{}': give FROM:TO:STEP, as 0.1:0.9:0.1, or rising loads, as 0.5,0.7,0.8; above 0, at most {}", text, kMaxLoad)};
  std::vector<double> loads;
  if (separator == ':') {
    if (numbers.size() != 3 || !(numbers[2] > 0) || (numbers[1] - numbers[0]) / numbers[2] > static_cast<double>(kMaxLoads)) return bad;
    const auto steps = static_cast<int64_t>(std::floor((numbers[1] - numbers[0]) / numbers[2] + 1e-9));
    for (int64_t i = 0; i <= steps; ++i) loads.push_back(std::round((numbers[0] + static_cast<double>(i) * numbers[2]) * 1e9) / 1e9);
  } else {
    loads = numbers;
  }
  if (loads.empty() || loads.size() > kMaxLoads || !(loads.front() > 0) || loads.back() > kMaxLoad) return bad;
  for (size_t i = 1; i < loads.size(); ++i)
    if (!(loads[i] > loads[i - 1])) return bad;
  return loads;
}

struct Slo {
  std::string metric;
  double limit = 0;
  Direction better = Direction::kMinimize;
  bool Holds(double value) const { return better == Direction::kMinimize ? value <= limit : value >= limit; }
};

// "slowdown_p999=50"; the limit in the metric's unit.
Result<Slo> ParseSlo(const std::string& text, const Workload& w) {
  const size_t equals = text.find('=');
  if (equals == text.npos) return Error{kExitUsage, fmt::format("bad --slo '{}': give METRIC=LIMIT, as slowdown_p999=50", text)};
  Slo slo;
  slo.metric = text.substr(0, equals);
  OSE_ASSIGN(slo.limit, ParseNumber(std::string_view(text).substr(equals + 1), "--slo"));
  std::string_view name = slo.metric;
  const size_t dot = name.find('.');
  if (dot != name.npos) {
    const std::string_view group = name.substr(0, dot);
    if (std::none_of(w.groups.begin(), w.groups.end(), [&](const Group& g) { return g.name == group; }) || w.groups.size() == 1)
      return Error{kExitUsage, fmt::format("bad --slo '{}': '{}' is no group among several of the workload", text, group)};
    name.remove_prefix(dot + 1);
  }
  const MetricInfo* info = FindMetric(name);
  if (!info) return Error{kExitUsage, fmt::format("bad --slo '{}': '{}' is no metric (docs/metrics.md)", text, name)};
  slo.better = info->better;
  return slo;
}

class Sweep {
 public:
  Sweep(const SweepFlags& flags, const CommonFlags& common, const Problem& problem, std::vector<NamedSource> sources, std::vector<uint64_t> seeds,
        Evaluator& evaluator)
      : flags_(flags), common_(common), problem_(problem), sources_(std::move(sources)), seeds_(std::move(seeds)), evaluator_(evaluator) {
    offered_ = OfferedLoad(problem.workload, problem.machine.cpus);
  }

  // Load by load, policy by policy.
  Result<std::vector<Evaluation>> Grid(const std::vector<double>& loads) {
    std::vector<std::future<Evaluation>> futures;
    for (double load : loads)
      for (const NamedSource& s : sources_) futures.push_back(Submit(s, load, seeds_));
    return Collect(futures, "sweeping");
  }

  struct Highest {
    std::string failure;           // of a policy that failed otherwise than by falling behind
    int exit_code = kExitOk;
    std::vector<double> by_seed;   // 0: not even at the least load
    bool all_at_most = false;      // the SLO holds at the highest load, for every seed
  };

  // For each policy and seed by itself, on the same arrivals and requests, which a load only stretches.
  Result<std::vector<Highest>> Search(const Slo& slo, double least, double most) {
    struct Walk {
      size_t policy, seed;
      double holds, fails;
      int stage;  // 0: at `most`, 1: at `least`, 2: between
    };
    std::vector<Highest> out(sources_.size());
    for (Highest& h : out) h.by_seed.resize(seeds_.size());
    std::vector<Walk> open;
    for (size_t p = 0; p < sources_.size(); ++p)
      for (size_t s = 0; s < seeds_.size(); ++s) open.push_back({p, s, least, most, 0});
    for (int round = 1; !open.empty(); ++round) {
      std::vector<std::future<Evaluation>> futures;
      auto at = [&](const Walk& w) { return w.stage == 0 ? most : w.stage == 1 ? least : (w.holds + w.fails) / 2; };
      for (const Walk& w : open) futures.push_back(Submit(sources_[w.policy], at(w), {seeds_[w.seed]}));
      OSE_ASSIGN(std::vector<Evaluation> results, Collect(futures, fmt::format("searching, step {}:", round)));
      std::vector<Walk> next;
      for (size_t i = 0; i < open.size(); ++i) {
        Walk w = open[i];
        Highest& h = out[w.policy];
        const Evaluation& e = results[i];
        // Falling so far behind that a task starves is failing the SLO; anything else is a fault.
        if (e.outcome != Outcome::kOk && e.outcome != Outcome::kStall) {
          if (h.failure.empty()) h.failure = e.diagnosis, h.exit_code = evaluator_.ExitCode(e);
          continue;
        }
        double value = NAN;
        if (e.outcome == Outcome::kOk) {
          const auto it = e.seeds[0].metrics.find(slo.metric);
          if (it == e.seeds[0].metrics.end())
            return Error{kExitUsage, fmt::format("this workload has no metric '{}' at load {:.3g}; name another one in --slo", slo.metric, at(w))};
          value = it->second;
        }
        const bool holds = !std::isnan(value) && slo.Holds(value);
        if (w.stage == 0 && holds) {
          h.by_seed[w.seed] = most;
          continue;
        }
        if (w.stage == 1 && !holds) continue;
        if (w.stage == 2) (holds ? w.holds : w.fails) = at(w);
        w.stage = w.stage == 0 ? 1 : 2;
        h.by_seed[w.seed] = w.stage == 2 ? w.holds : 0;
        if (w.stage == 1 || w.fails - w.holds > flags_.precision) next.push_back(w);
      }
      open = std::move(next);
    }
    for (Highest& h : out)
      h.all_at_most = h.failure.empty() && std::all_of(h.by_seed.begin(), h.by_seed.end(), [&](double x) { return x == most; });
    return out;
  }

 private:
  std::future<Evaluation> Submit(const NamedSource& s, double load, const std::vector<uint64_t>& seeds) {
    Workload w = problem_.workload;
    ScaleArrivals(w, load / offered_);
    return evaluator_.Submit({.source = s.source, .file = s.path, .seeds = seeds, .skeleton_of = {}, .workload = FormatWorkload(w)});
  }

  Result<std::vector<Evaluation>> Collect(std::vector<std::future<Evaluation>>& futures, const std::string& doing) {
    ProgressLine progress(common_);
    std::vector<Evaluation> out;
    for (size_t i = 0; i < futures.size(); ++i) {
      OSE_TRY(Await(futures[i], [&] { progress.Show(fmt::format("{} {} of {} runs", doing, i + 1, futures.size())); }));
      out.push_back(futures[i].get());
    }
    return out;
  }

  const SweepFlags& flags_;
  const CommonFlags& common_;
  const Problem& problem_;
  const std::vector<NamedSource> sources_;
  const std::vector<uint64_t> seeds_;
  Evaluator& evaluator_;
  double offered_;
};

// Three digits, or "failed".
std::string Cell(const Evaluation& e, const std::string& metric) {
  if (e.outcome != Outcome::kOk) return OutcomeName(e.outcome);
  const auto i = MetricInterval(e, metric);
  return i ? fmt::format("{:.4g} ±{:.2g}", i->mean, (i->hi - i->lo) / 2) : "-";
}

Status RunSweep(const SweepFlags& flags, const CommonFlags& common) {
  StopOnSignals();
  OSE_ASSIGN(Context context, Context::Find());
  OSE_ASSIGN(Problem problem, LoadProblem(context, flags.problem));
  OSE_ASSIGN(std::vector<double> loads, ParseLoads(flags.loads));
  if (OfferedLoad(problem.workload, problem.machine.cpus) <= 0)
    return Error{kExitUsage, fmt::format("workload '{}' has no arrivals that use CPU time, so it has no load to sweep; give one with arrivals (docs/workloads.md)", problem.workload.name)};
  std::optional<Slo> slo;
  if (!flags.slo.empty()) {
    OSE_ASSIGN(slo, ParseSlo(flags.slo, problem.workload));
  }
  SeedSpec spec{SeedFamily::kSearch, problem.workload.search_seeds};
  if (!flags.seeds.empty()) {
    OSE_ASSIGN(spec, ParseSeedSpec(flags.seeds));
  }
  std::vector<NamedSource> sources;
  for (const std::string& name : flags.policies) {
    OSE_ASSIGN(NamedSource source, LoadPolicy(context, KnowledgeBasePath(context, flags.kb), name));
    sources.push_back(std::move(source));
  }
  OSE_ASSIGN(auto evaluator, MakeEvaluator(context, problem, flags.jobs));
  Sweep sweep(flags, common, problem, sources, MakeSeeds(spec.family, flags.seed, spec.count), *evaluator);
  OSE_ASSIGN(std::vector<Evaluation> grid, sweep.Grid(loads));
  std::vector<Sweep::Highest> highest;
  if (slo) {
    OSE_ASSIGN(highest, sweep.Search(*slo, loads.front(), loads.back()));
  }

  json j = {{"workload", problem.workload.name}, {"machine", problem.machine.name}, {"cpus", problem.machine.cpus},
            {"seeds", fmt::format("{}:{}", SeedFamilyName(spec.family), spec.count)}, {"rows", json::array()}};
  std::vector<std::vector<std::string>> table = {{"policy", "load"}};
  for (const std::string& m : kShown) table[0].push_back(fmt::format("{} [{}]", m, FindMetric(m)->unit));
  int code = kExitOk;
  for (size_t p = 0; p < sources.size(); ++p)
    for (size_t l = 0; l < loads.size(); ++l) {
      const Evaluation& e = grid[l * sources.size() + p];
      json row = {{"policy", sources[p].name}, {"load", loads[l]}, {"outcome", OutcomeName(e.outcome)}, {"metrics", MetricsJson(e)}};
      if (e.outcome != Outcome::kOk) row["diagnosis"] = e.diagnosis;
      // A starved task at overload is a result; other failures are what the command ends with.
      if (e.outcome != Outcome::kOk && e.outcome != Outcome::kStall && code == kExitOk) {
        code = evaluator->ExitCode(e);
        PrintError({code, WithPlace(problem, e.diagnosis)}, {.json = false});
      }
      j["rows"].push_back(row);
      table.push_back({l == 0 ? sources[p].name : "", fmt::format("{:.3g}", loads[l])});
      for (const std::string& m : kShown) table.back().push_back(Cell(e, m));
    }
  std::vector<std::vector<std::string>> slo_table = {{"policy", "highest load", "over the first"}};
  if (slo) {
    j["slo"] = {{"metric", slo->metric}, {"limit", slo->limit}, {"precision", flags.precision}, {"rows", json::array()}};
    for (size_t p = 0; p < sources.size(); ++p) {
      const Sweep::Highest& h = highest[p];
      json row = {{"policy", sources[p].name}};
      if (!h.failure.empty()) {
        row["diagnosis"] = h.failure;
        if (code == kExitOk) code = h.exit_code, PrintError({code, WithPlace(problem, h.failure)}, {.json = false});
        slo_table.push_back({sources[p].name, "failed", ""});
        j["slo"]["rows"].push_back(row);
        continue;
      }
      const Interval i = MeanInterval(h.by_seed);
      row.update({{"load", {{"mean", i.mean}, {"ci95", IntervalJson(i)}}}, {"by_seed", h.by_seed}, {"at_least", h.all_at_most}});
      std::string gain;
      if (p > 0 && highest[0].failure.empty()) {
        const Interval vs = PairedGainPct(highest[0].by_seed, h.by_seed);
        row["vs"] = {{"policy", sources[0].name}, {"diff_pct", vs.mean}, {"ci95", IntervalJson(vs)}};
        gain = GainText(vs);
      }
      slo_table.push_back({sources[p].name, fmt::format("{}{:.3f} ±{:.3f}", h.all_at_most ? ">= " : "", i.mean, (i.hi - i.lo) / 2), gain});
      j["slo"]["rows"].push_back(row);
    }
  }
  if (common.json) {
    PrintJson(j);
  } else {
    fmt::print("workload {} on {} with {} CPUs, {}:{} seeds, ± is half of a 95% interval\n\n{}", problem.workload.name, problem.machine.name,
               problem.machine.cpus, SeedFamilyName(spec.family), spec.count, FormatTable(table));
    if (slo)
      fmt::print("\nhighest load from {:.3g} to {:.3g} with {} {} {:.6g}, by bisection to {:.3g} for each seed\n\n{}", loads.front(), loads.back(), slo->metric,
                 slo->better == Direction::kMinimize ? "<=" : ">=", slo->limit, flags.precision, FormatTable(slo_table));
  }
  fflush(stdout);
  if (code != kExitOk) return Error{code, ""};  // all is said
  return {};
}

}  // namespace

void RegisterSweep(CLI::App& app, Command& command) {
  auto flags = std::make_shared<SweepFlags>();
  CLI::App* sub = app.add_subcommand("sweep", "Measure policies over a range of loads, and find the highest within an SLO.");
  sub->add_option("policies", flags->policies, "policies: files, names (osevolve policies) or kb:HASH")->required();
  sub->add_option("-w,--workload", flags->problem.workload, "workload with arrivals: a file or a name (osevolve workloads)")->required();
  sub->add_option("-m,--machine", flags->problem.machine, "machine profile: a file or a name; default: the workload's");
  sub->add_option("--cpus", flags->problem.cpus, "number of CPUs instead of the profile's")->check(CLI::Range(1, kMaxCpus));
  sub->add_option("--loads", flags->loads, "FROM:TO:STEP, or loads separated by commas; 1 is all CPUs' time")->capture_default_str();
  sub->add_option("--slo", flags->slo, "METRIC=LIMIT: find the highest of the loads within it");
  sub->add_option("--precision", flags->precision, "of that load")->check(CLI::Range(1e-4, 1.0))->capture_default_str();
  sub->add_option("--seeds", flags->seeds, "FAMILY:N with family search, select or final");
  sub->add_option("--seed", flags->seed, "base of all seed families")->capture_default_str();
  sub->add_option("-j,--jobs", flags->jobs, "workers; default: one per CPU")->check(CLI::Range(1, 256));
  sub->add_option("--kb", flags->kb, "knowledge base file, for kb:HASH");
  AddCommonFlags(*sub, command);
  sub->footer("Example:  osevolve sweep eevdf fifo --workload exp-2cpu --loads 0.1:0.9:0.1 --slo slowdown_p99=20");
  sub->callback([flags, &command] { command.run = [flags, &command] { return RunSweep(*flags, command.flags); }; });
}

}  // namespace ose
