#include "cli/host_compare.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstring>
#include <thread>

#include "base/fd.h"
#include "base/file.h"
#include "base/subprocess.h"
#include "cli/commands.h"
#include "cli/kernel_objects.h"
#include "cli/live_client.h"
#include "core/exit_code.h"
#include "core/score.h"
#include "lab/measure.h"

namespace ose {
namespace {

// Where the plan's files are in a repeatable run: a fixed place, since the name of a temporary folder is another input.
constexpr char kRepeatableDir[] = "/measure";

// The script's output, from the VM or from this machine as root.
Result<std::string> RunScript(const Context& context, const HostFlags& flags, const Problem& problem, const MeasurePlan& plan,
                              const std::string& dir, int boot) {
  const std::string script = JoinPath(dir, "measure");
  if (flags.host == "live") {
    CommandOptions run;
    run.argv = {"bash", script};
    run.max_stdout_bytes = 256 << 20;
    run.wall_limit = Nanos{static_cast<int64_t>(flags.vm.timeout_s * 1e9)};
    run.stderr_to = ChildOutput::kInherit;
    OSE_ASSIGN(CommandResult result, RunCommand(run));
    if (result.timed_out) return Error{kExitVm, fmt::format("the measurement did not finish within {:.0f} s (--timeout)", flags.vm.timeout_s)};
    return std::move(result.out);
  }
  VmFlags vm = flags.vm;
  if (vm.cpus == 0) vm.cpus = std::clamp(problem.machine.cpus, 1, 8);
  vm.command = {"bash", flags.vm.repeatable ? JoinPath(kRepeatableDir, "measure") : script};
  OSE_ASSIGN(VmOptions options, MakeVmOptions(context, vm));
  options.cwd.clear();
  options.cancel = &StopOnSignals();
  if (options.repeatable) {
    // Another command line is another sample.
    options.append = fmt::format("seed={}", boot);
    options.files = {dir + "=>" + kRepeatableDir, JoinPath(context.programs, "osevolve-live"), context.include_dir(), context.root + "/machines"};
    for (const MeasuredPolicy& p : plan.policies)
      if (!p.program.empty()) options.files.push_back(p.program);
    for (const char* tool : {"stat", "mktemp", "cat", "rm"}) options.files.push_back(FindExecutable(tool));
    const auto& real = problem.workload.real.command;
    options.files.push_back(real.empty() ? JoinPath(context.programs, "osevolve") : FindExecutable(real[0]));
    if (options.files.back().empty()) return Error{kExitNotFound, fmt::format("there is no program '{}'", real[0])};
  }
  const std::string file = JoinPath(dir, "output");
  Fd out(open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!out) return Error{kExitIo, fmt::format("{}: {}", file, strerror(errno))};
  options.out_fd = out.get();
  OSE_ASSIGN(VmResult result, RunVm(options));
  if (result.exit_code != 0) return Error{kExitVm, fmt::format("the measurement in the VM ended with {}", result.exit_code)};
  return ReadFile(file, 256 << 20);
}

void SetScores(const Problem& problem, std::vector<ReportRow>& rows) {
  const Evaluation& kernel = rows[0].evaluation;
  // A real program may report less than the workload's objectives.
  std::vector<Objective> objectives;
  for (const Objective& o : problem.workload.objectives)
    if (!kernel.seeds.empty() && kernel.seeds[0].metrics.contains(o.metric)) objectives.push_back(o);
  for (ReportRow& row : rows) {
    Evaluation& e = row.evaluation;
    if (e.outcome != Outcome::kOk || kernel.outcome != Outcome::kOk) continue;
    for (size_t i = 0; i < e.seeds.size(); ++i) e.seeds[i].score = Score(objectives, e.seeds[i].metrics, kernel.seeds[i].metrics);
  }
  for (size_t i = 1; i < rows.size(); ++i) {
    if (rows[i].evaluation.outcome != Outcome::kOk || kernel.outcome != Outcome::kOk) continue;
    rows[i].vs_policy = kKernelPolicy;
    rows[i].vs = PairedGainPct(rows[0].evaluation.Scores(), rows[i].evaluation.Scores());
  }
}

}  // namespace

void AddHostFlags(CLI::App& app, HostFlags* f) {
  app.add_option("--host", f->host, "where: sim (the model), vm (a real kernel in a throw-away VM), live (this machine, as root)")
      ->check(CLI::IsMember({"sim", "vm", "live"}))->capture_default_str();
  app.add_option("--rounds", f->rounds, "on a kernel: seeds in one boot, all policies in turn for each")->check(CLI::Range(1, 10000))->capture_default_str();
  app.add_option("--boots", f->boots, "on a kernel: boots of the VM, each with seeds of its own")->check(CLI::Range(1, 1000))->capture_default_str();
  f->vm.cpus = 0;
  f->vm.timeout_s = 3600;
  app.add_option("--kernel", f->vm.kernel, "bzImage for the VM; default: the one of `osevolve vm build`");
  app.add_option("--vcpus", f->vm.cpus, "virtual CPUs; default: as many as the machine profile has, at most 8")->check(CLI::Range(1, 64));
  app.add_option("--timeout", f->vm.timeout_s, "seconds after which a boot is ended")->check(CLI::Range(1.0, 1e6))->capture_default_str();
  CLI::Option* kvm = app.add_flag("--kvm", f->vm.kvm, "hardware virtualisation for the VM");
  app.add_flag("--repeatable", f->vm.repeatable, "the VM counts instructions instead of time: equal commands, equal numbers")->excludes(kvm);
}

Result<std::vector<ReportRow>> HostCompare(const Context& context, const HostFlags& flags, const Problem& problem,
                                           const std::vector<NamedSource>& policies, const std::vector<uint64_t>& seeds,
                                           const std::function<void(const std::string&)>& on_progress) {
  if (flags.host == "live" && !policies.empty() && geteuid() != 0) return Error{kExitNoSchedExt, "--host live takes root: sudo, or --host vm"};
  OSE_ASSIGN(TempDir dir, TempDir::Make("osevolve-measure"));
  const std::string there = flags.host == "vm" && flags.vm.repeatable ? kRepeatableDir : dir.path();
  MeasurePlan plan;
  plan.policies = {{.name = kKernelPolicy}};
  std::vector<ReportRow> rows(1);
  rows[0].policy = kKernelPolicy;
  std::vector<size_t> row_of = {0};  // of the plan's policies
  std::unique_ptr<ObjectBuilder> builder;
  for (const NamedSource& policy : policies) {
    if (policy.name == kKernelPolicy) continue;
    ReportRow row;
    row.policy = policy.name;
    if (policy.path.starts_with(kProgramPrefix)) {
      plan.policies.push_back({policy.name, "", policy.path.substr(strlen(kProgramPrefix))});
      row_of.push_back(rows.size());
      rows.push_back(std::move(row));
      continue;
    }
    if (!builder) {
      OSE_ASSIGN(plan.live_program, FindLiveProgram(context));
      OSE_ASSIGN(builder, ObjectBuilder::Create(context));
    }
    on_progress("compiling " + policy.name);
    auto object = builder->Build(policy);
    if (object.ok()) {
      const std::string file = fmt::format("{}.bpf.o", rows.size());
      OSE_TRY(WriteFileAtomic(JoinPath(dir.path(), file), *object));
      plan.policies.push_back({policy.name, JoinPath(there, file), ""});
      row_of.push_back(rows.size());
    } else if (object.error().code == kExitGate || object.error().code == kExitCompile) {
      row.evaluation.outcome = object.error().code == kExitGate ? Outcome::kGate : Outcome::kCompile;
      row.evaluation.diagnosis = object.error().message;
    } else {
      return object.error();
    }
    rows.push_back(std::move(row));
  }
  if (problem.workload.real.command.empty()) {
    OSE_TRY(WriteFileAtomic(JoinPath(dir.path(), "workload.toml"), problem.workload_text));
    plan.command = {"env", "OSEVOLVE_ROOT=" + context.root, JoinPath(context.programs, "osevolve"), "load", JoinPath(there, "workload.toml"), "--seed", "{seed}", "--json", "--quiet"};
  } else {
    plan.command = problem.workload.real.command;
    OSE_ASSIGN(plan.output, ParseBenchOutput(problem.workload.real.output));
  }
  const size_t per_boot = std::min(seeds.size(), static_cast<size_t>(flags.rounds));
  int boot = 0;
  if (flags.host == "live" && plan.policies.size() > 1 && !FileExists("/sys/kernel/sched_ext/state"))
    return Error{kExitNoSchedExt, "this kernel has no sched_ext (Linux 6.12 or later with CONFIG_SCHED_CLASS_EXT): measure in a VM, --host vm"};
  for (size_t at = 0; at < seeds.size(); at += per_boot) {
    plan.seeds.assign(seeds.begin() + static_cast<ptrdiff_t>(at), seeds.begin() + static_cast<ptrdiff_t>(std::min(seeds.size(), at + per_boot)));
    ++boot;
    on_progress(fmt::format("measuring {} policies on {} seeds{}", plan.policies.size(), plan.seeds.size(),
                            flags.host == "vm" ? fmt::format(", boot {}", boot) : ""));
    OSE_TRY(WriteFileAtomic(JoinPath(dir.path(), "measure"), MeasureScript(plan)));
    OSE_ASSIGN(std::string output, RunScript(context, flags, problem, plan, dir.path(), boot));
    OSE_ASSIGN(std::vector<Evaluation> measured, ParseMeasured(plan, output));
    for (size_t p = 0; p < measured.size(); ++p) {
      Evaluation& total = rows[row_of[p]].evaluation;
      if (total.outcome != Outcome::kOk) continue;
      if (measured[p].outcome != Outcome::kOk) total = std::move(measured[p]);
      else for (SeedResult& s : measured[p].seeds) total.seeds.push_back(std::move(s));
    }
    if (rows[0].evaluation.outcome != Outcome::kOk)
      return Error{kExitFailure, "the workload does not run under the kernel's own scheduler: " + rows[0].evaluation.diagnosis};
  }
  SetScores(problem, rows);
  return rows;
}

ReportHead HostHead(const HostFlags& flags, const Problem& problem, const std::string& seeds) {
  ReportHead head{problem.workload.name, flags.host, flags.host == "vm" ? "a VM" : "this machine", 0, seeds, "kernel"};
  head.cpus = flags.host == "vm" ? flags.vm.cpus ? flags.vm.cpus : std::clamp(problem.machine.cpus, 1, 8)
                                 : static_cast<int>(std::thread::hardware_concurrency());
  return head;
}

}  // namespace ose
