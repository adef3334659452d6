// osevolve validate real, validate kernel: the model beside measurements on a kernel.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>
#include <thread>

#include "base/file.h"
#include "base/subprocess.h"
#include "calibrate/quiet.h"
#include "cli/context.h"
#include "cli/host_compare.h"
#include "cli/validate.h"
#include "core/exit_code.h"
#include "validate/agreement.h"
#include "workload/scale_work.h"

namespace ose {
namespace {

constexpr double kTie = 0.02;       // scores nearer than this rank equally
constexpr double kRankGoal = 0.9;   // Spearman
constexpr char kEevdf[] = "eevdf";  // the policy that stands for the kernel's own scheduler

struct HostValidation {
  ValidateFlags flags;
  HostFlags host;
  std::string machine;
  int cpus = 0;  // 0: as many as the machine has
  std::vector<std::string> workloads, policies;
  bool recorded = true;
};

const std::vector<std::string> kRealWorkloads = {"hol-8x2", "sysbench-cpu-4x2", "sysbench-threads-4x2", "bimodal-1-100-2cpu",
                                                 "schbench-2cpu", "hackbench-2cpu"};
const std::vector<std::string> kKernelWorkloads = {"hol-8x2", "sysbench-cpu-4x2", "sysbench-threads-4x2", "bimodal-1-100-2cpu", "exp-2cpu",
                                                   "schbench-2cpu", "hackbench-2cpu", "batch-interactive-2cpu"};

// Shows what goes on, and what happens in between.
using Note = std::function<void(const std::string&)>;

bool IsSysbench(const Workload& w) { return w.real.output == "sysbench"; }

// On a machine with more CPUs than the workload has, the program is kept to as many; `osevolve load` sees to itself.
void KeepToCpus(const HostFlags& host, int cpus, std::vector<std::string>& command) {
  if (host.host != "live" || static_cast<int>(std::thread::hardware_concurrency()) <= cpus) return;
  command.insert(command.begin(), {"taskset", "-c", fmt::format("0-{}", cpus - 1)});
}

// Runs `policies` in the model on the problem's machine.
Result<std::vector<Evaluation>> RunModel(const Context& context, const Problem& problem, const std::vector<NamedSource>& policies,
                                         const std::vector<uint64_t>& seeds, int jobs) {
  OSE_ASSIGN(auto evaluator, MakeEvaluator(context, problem, jobs));
  std::vector<std::future<Evaluation>> futures;
  for (const NamedSource& s : policies) futures.push_back(evaluator->Submit({.source = s.source, .file = s.path, .seeds = seeds, .skeleton_of = {}}));
  std::vector<Evaluation> evaluations;
  for (auto& f : futures) {
    OSE_TRY(Await(f, [] {}));
    evaluations.push_back(f.get());
  }
  return evaluations;
}

// The kernel's own scheduler in the model: EEVDF, whose work is part of the machine's figures for switches and wake-ups.
Result<Evaluation> RunOwnScheduler(const Context& context, const Workload& workload, const Machine& machine, const std::vector<uint64_t>& seeds, int jobs) {
  OSE_ASSIGN(NamedSource eevdf, LoadPolicy(context, "", kEevdf));
  OSE_ASSIGN(Problem problem, MakeProblem(FormatWorkload(workload), FormatMachine(AsKernelClass(machine))));
  OSE_ASSIGN(std::vector<Evaluation> one, RunModel(context, problem, {eevdf}, seeds, jobs));
  if (one[0].outcome != Outcome::kOk) return Error{OutcomeExitCode(one[0].outcome), one[0].diagnosis};
  return std::move(one[0]);
}

// Seconds per event of a single thread in the model whose runs take `factor` times as long.
Result<double> SoloEvent(const Context& context, Problem problem, double factor, int jobs) {
  Workload& w = problem.workload;
  w.groups.resize(1);
  w.groups[0].count = 1;
  w.cpus = 1;
  w.objectives = {{.metric = "throughput"}};
  OSE_ASSIGN(Evaluation e, RunOwnScheduler(context, ScaleWork(w, factor), WithCpus(problem.machine, 1), {1}, jobs));
  return 1 / e.seeds[0].metrics["throughput"];
}

// sysbench's events are as long as the processor makes them; the model's are those of one processor. What a single
// thread of the real program does per second says how long they are here. Everything else stays as it is.
Status MatchProcessor(const HostValidation& v, const Context& context, Problem& problem, const Note& note) {
  note("how fast is one thread of sysbench here?");
  Problem solo = problem;
  for (std::string& word : solo.workload.real.command)
    if (word.starts_with("--threads=")) word = "--threads=1";
  OSE_ASSIGN(std::vector<ReportRow> rows, HostCompare(context, v.host, solo, {}, {1, 2, 3}, note));
  std::vector<double> rates;
  for (const SeedResult& s : rows[0].evaluation.seeds) rates.push_back(s.metrics.at("throughput"));
  const double real = 1 / Percentile(rates, 0.5);
  // Linear in the factor: the calls of an event take what they take.
  OSE_ASSIGN(double once, SoloEvent(context, problem, 1, v.flags.jobs));
  OSE_ASSIGN(double twice, SoloEvent(context, problem, 2, v.flags.jobs));
  const double factor = 1 + (real - once) / (twice - once);
  if (!(factor > 0.01)) {
    return Error{kExitBadMachine, fmt::format("{}: an event of one sysbench thread takes {:.3g} us here, less than the {:.3g} us that its system calls take on '{}': "
                                              "calibrate this machine (osevolve calibrate)",
                                              problem.workload.name, 1e6 * real, 1e6 * (once - (twice - once)), problem.machine.name)};
  }
  OSE_ASSIGN(problem, MakeProblem(FormatWorkload(ScaleWork(problem.workload, factor)), problem.machine_text));
  return {};
}

Result<Problem> ProblemFor(const HostValidation& v, const Context& context, const std::string& workload, const Note& note) {
  OSE_ASSIGN(Problem problem, LoadProblem(context, {.workload = workload, .machine = v.machine, .cpus = v.cpus}));
  if (!IsSysbench(problem.workload)) {
    problem.workload.real = {};  // `osevolve load` does what the model does, field by field
    return problem;
  }
  KeepToCpus(v.host, problem.machine.cpus, problem.workload.real.command);
  // As long as the program runs: the workload may be so short that a slow machine ends a dozen events in it.
  for (const std::string& word : problem.workload.real.command)
    if (int seconds = 0; std::sscanf(word.c_str(), "--time=%d", &seconds) == 1 && seconds > 0) problem.workload.horizon = Nanos::Seconds(seconds);
  OSE_TRY(MatchProcessor(v, context, problem, note));
  return problem;
}

ValidationRow NotMeasured(const std::string& group, const Error& e) {
  ValidationRow row;
  row.group = group;
  row.name = "all";
  row.note = e.message;
  return row;
}

// Others may use the machine meanwhile, this kernel's and the hypervisor's: then it is measured again, and the quietest
// measurement counts.
struct Measured {
  std::vector<ReportRow> rows;
  Quietness quietness;
};

Result<Measured> MeasureQuietly(const HostValidation& v, const Context& context, const Problem& problem, const std::vector<uint64_t>& seeds, const Note& note) {
  constexpr int kTries = 4;
  std::optional<Measured> quietest;
  for (int i = 0; i < kTries && !(quietest && quietest->quietness.quiet()); ++i) {
    const QuietWatch watch;
    OSE_ASSIGN(std::vector<ReportRow> rows, HostCompare(context, v.host, problem, {}, seeds, note));
    const Quietness now = watch.SinceStart();
    if (!quietest || now.others + now.steal < quietest->quietness.others + quietest->quietness.steal) quietest = Measured{std::move(rows), now};
  }
  return std::move(*quietest);
}

Result<std::vector<ValidationRow>> RealRows(const HostValidation& v, const Context& context, const std::string& workload, const Note& note) {
  OSE_ASSIGN(Problem problem, ProblemFor(v, context, workload, note));
  const std::vector<uint64_t> seeds = MakeSeeds(SeedFamily::kSelect, v.flags.seed, v.host.rounds);
  OSE_ASSIGN(Measured real, MeasureQuietly(v, context, problem, seeds, note));
  note("the same in the model");
  OSE_ASSIGN(Evaluation model, RunOwnScheduler(context, problem.workload, problem.machine, seeds, v.flags.jobs));
  const InBothWorlds both{kKernelPolicy, std::move(model.seeds), std::move(real.rows[0].evaluation.seeds)};
  std::string source = IsSysbench(problem.workload) ? "sysbench" : "osevolve load";
  if (const Quietness& q = real.quietness; !q.quiet())
    source += fmt::format("; not quiet: other processes used {:.2f} CPUs and the hypervisor took {:.2f}", q.others, q.steal);
  return MetricRows(workload, both, problem.workload.objectives, source);
}

// A pipeline is recorded, and its recording replayed.
Result<std::vector<ValidationRow>> RecordedRows(const HostValidation& v, const Context& context, const Note& note) {
  const std::string program = "seq 400000 | sort -R --random-source=/dev/zero | gzip | wc -c";
  note("recording " + program);
  OSE_ASSIGN(TempDir dir, TempDir::Make("osevolve-validate"));
  const std::string file = JoinPath(dir.path(), "recorded.toml");
  CommandOptions record;
  record.argv = {JoinPath(context.programs, "osevolve"), "record", "--quiet", "-o", file, "--", "sh", "-c", program};
  OSE_ASSIGN(CommandResult recorded, RunCommand(record));
  if (!recorded.exit.ok()) return Error{kExitNoTracing, "not recorded: " + recorded.err};
  OSE_ASSIGN(Problem problem, LoadProblem(context, {.workload = file, .machine = v.machine, .cpus = 0}));
  OSE_ASSIGN(Evaluation model, RunOwnScheduler(context, problem.workload, problem.machine, {1}, v.flags.jobs));
  const Recorded& was = problem.workload.recorded;
  const InBothWorlds both{kKernelPolicy, std::move(model.seeds), {{1, {{"span", was.span_us}}, 0}}};
  return MetricRows("recorded: " + program, both, {}, "the recording");
}

Status RunReal(const HostValidation& v, const CommonFlags& common) {
  OSE_TRY(CheckMarkdown(v.flags, "real"));
  OSE_ASSIGN(Context context, Context::Find());
  ValidationTable table{"real", "The kernel's own scheduler on this machine, and EEVDF in the model", {}};
  ProgressLine progress(common);
  const std::vector<std::string>& workloads = v.workloads.empty() ? kRealWorkloads : v.workloads;
  const auto add = [&](const std::string& group, Result<std::vector<ValidationRow>> rows) -> Status {
    if (!rows.ok() && (rows.error().code == kExitInterrupted || rows.error().code == kExitNotFound)) return rows.error();
    if (!rows.ok()) table.rows.push_back(NotMeasured(group, rows.error()));
    else for (ValidationRow& r : *rows) table.rows.push_back(std::move(r));
    return {};
  };
  for (const std::string& w : workloads)
    OSE_TRY(add(w, RealRows(v, context, w, [&](const std::string& text) { progress.Show(w + ": " + text, true); })));
  if (v.recorded && v.workloads.empty())
    OSE_TRY(add("recorded", RecordedRows(v, context, [&](const std::string& text) { progress.Show(text, true); })));
  progress.Clear();
  Judge(table);
  return ReportValidation(table, v.flags, common);
}

Result<ValidationRow> KernelRow(const HostValidation& v, const Context& context, const std::string& workload, std::vector<NamedSource> policies,
                                const Note& note) {
  OSE_ASSIGN(Problem problem, ProblemFor(v, context, workload, note));
  const std::vector<uint64_t> seeds = MakeSeeds(SeedFamily::kSelect, v.flags.seed, v.host.rounds * v.host.boots);
  OSE_ASSIGN(std::vector<ReportRow> real, HostCompare(context, v.host, problem, policies, seeds, note));
  note("the same in the model");
  OSE_ASSIGN(std::vector<Evaluation> model, RunModel(context, problem, policies, seeds, v.flags.jobs));
  OSE_ASSIGN(Evaluation own, RunOwnScheduler(context, problem.workload, problem.machine, seeds, v.flags.jobs));
  std::vector<InBothWorlds> both = {{kKernelPolicy, std::move(own.seeds), std::move(real[0].evaluation.seeds)}};
  std::string fails;
  for (size_t i = 0; i < policies.size(); ++i) {
    Evaluation &in_model = model[i], &in_kernel = real[i + 1].evaluation;
    if (in_model.outcome == Outcome::kOk && in_kernel.outcome == Outcome::kOk) {
      both.push_back({policies[i].name, std::move(in_model.seeds), std::move(in_kernel.seeds)});
    } else {
      fails += fmt::format("; {} ends as {} in the model, {} in the kernel", policies[i].name, OutcomeName(in_model.outcome), OutcomeName(in_kernel.outcome));
    }
  }
  ValidationRow row = RankRow(workload, both, problem.workload.objectives, kTie, kRankGoal);
  row.note += fails;
  return row;
}

Status RunKernel(const HostValidation& v, const CommonFlags& common) {
  const std::string section = v.cpus > 0 ? fmt::format("kernel-{}cpu", v.cpus) : "kernel";
  OSE_TRY(CheckMarkdown(v.flags, section));
  OSE_ASSIGN(Context context, Context::Find());
  std::vector<NamedSource> policies;
  if (v.policies.empty()) {
    OSE_ASSIGN(policies, ShippedPolicies(context));
  }
  for (const std::string& name : v.policies) {
    OSE_ASSIGN(NamedSource source, LoadPolicy(context, "", name));
    policies.push_back(std::move(source));
  }
  ValidationTable table{section, "Policies in the model and in a kernel (sched_ext, in the VM)", {}};
  ProgressLine progress(common);
  for (const std::string& w : v.workloads.empty() ? kKernelWorkloads : v.workloads) {
    auto row = KernelRow(v, context, w, policies, [&](const std::string& text) { progress.Show(w + ": " + text, true); });
    if (!row.ok() && (row.error().code == kExitInterrupted || row.error().code == kExitNoVm || row.error().code == kExitNotFound)) return row.error();
    table.rows.push_back(row.ok() ? std::move(*row) : NotMeasured(w, row.error()));
  }
  progress.Clear();
  Judge(table);
  return ReportValidation(table, v.flags, common);
}

void AddCommon(CLI::App& sub, Command& command, HostValidation& v) {
  sub.add_option("-w,--workload", v.workloads, "workloads: files or names, repeat it; default: one of each family")->allow_extra_args(false);
  sub.add_option("--seed", v.flags.seed, "base of the seeds")->capture_default_str();
  sub.add_option("-j,--jobs", v.flags.jobs, "workers of the model; default: one per CPU")->check(CLI::Range(1, 256));
  AddValidateFlags(sub, command, v.flags);
}

}  // namespace

void RegisterValidateHost(CLI::App& validate, Command& command) {
  auto real = std::make_shared<HostValidation>();
  real->host.host = "live";
  real->host.vm.timeout_s = 3600;
  CLI::App* sub = validate.add_subcommand("real", "Compare the model with this machine under the kernel's own scheduler.");
  sub->add_option("-m,--machine", real->machine, "profile of this machine (osevolve calibrate); default: the workload's");
  sub->add_option("--rounds", real->host.rounds, "seeds, each a run")->check(CLI::Range(1, 10000))->capture_default_str();
  sub->add_flag("!--no-recording", real->recorded, "leave out the recorded program, which takes root");
  AddCommon(*sub, command, *real);
  sub->footer("Needs a quiet machine.\nExample:  osevolve calibrate --output here.toml\n          osevolve validate real --machine here.toml");
  sub->callback([real, &command] { command.run = [real, &command] { return RunReal(*real, command.flags); }; });

  auto kernel = std::make_shared<HostValidation>();
  kernel->machine = "vm-emulated-2cpu";
  CLI::App* in_vm = validate.add_subcommand("kernel", "Compare how model and kernel rank the hand-written policies.");
  in_vm->add_option("-p,--policy", kernel->policies, "policies, repeat it; default: all hand-written ones")->allow_extra_args(false);
  in_vm->add_option("-m,--machine", kernel->machine, "profile of the VM")->capture_default_str();
  in_vm->add_option("--cpus", kernel->cpus, "number of CPUs instead of the profile's; of the VM, too. --markdown then replaces the section kernel-<N>cpu")->check(CLI::Range(1, 64));
  AddHostFlags(*in_vm, &kernel->host);
  kernel->host.host = "vm";
  kernel->host.rounds = 3;
  AddCommon(*in_vm, command, *kernel);
  in_vm->footer("Needs a quiet machine, or --repeatable.\nExample:  osevolve validate kernel --workload exp-2cpu");
  in_vm->callback([kernel, &command] { command.run = [kernel, &command] { return RunKernel(*kernel, command.flags); }; });
}

}  // namespace ose
