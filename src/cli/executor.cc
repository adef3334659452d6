#include "cli/executor.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>

#include "base/hash.h"
#include "cluster/cluster_evaluator.h"
#include "cluster/job_files.h"
#include "cluster/slurm_queue.h"
#include "core/exit_code.h"

extern char** environ;

namespace ose {
namespace {

// What sbatch needs to find the cluster, what its user may set for jobs, and what the nodes need: no keys.
std::vector<std::string> SlurmEnvironment(const std::string& root) {
  std::vector<std::string> env = {"LC_ALL=C"};
  for (char** e = environ; *e; ++e) {
    const std::string_view entry = *e;
    for (std::string_view allowed : {"PATH=", "HOME=", "USER=", "LOGNAME=", "SLURM_CONF=", "SLURM_CLUSTERS=", "SBATCH_"})
      if (entry.starts_with(allowed)) env.emplace_back(entry);
  }
  if (!root.empty()) env.push_back("OSEVOLVE_ROOT=" + root);
  return env;
}

}  // namespace

void AddExecutorFlags(CLI::App& app, ExecutorFlags* f) {
  app.add_option("--executor", f->executor, "where evaluations run: local, slurm (docs/slurm.md). Does not change the result")
      ->check(CLI::IsMember({"local", "slurm"}))
      ->capture_default_str();
  app.add_option("--slurm-partition", f->partition, "partition (sinfo); default: the cluster's");
  app.add_option("--slurm-time", f->minutes, "minutes that a task may take; default: the partition's limit")->check(CLI::Range(1, 100'000));
  app.add_option("--slurm-batch", f->batch, "evaluations of a task, one after another")->check(CLI::Range(1, 10'000))->capture_default_str();
  app.add_option("--slurm-folder", f->folder, "folder for jobs and results that this machine and the nodes share; default: below the run's");
  app.add_flag("--slurm-copy", f->copy, "nodes run a copy of osevolve in that folder; default: osevolve is at the same place there");
}

Result<std::unique_ptr<Evaluator>> MakeEvaluatorOn(const ExecutorFlags& flags, const Context& context, const Problem& problem, int jobs,
                                                   const std::string& folder) {
  if (flags.local()) {
    if (!flags.partition.empty() || !flags.folder.empty() || flags.minutes > 0 || flags.copy) return Error{kExitUsage, "--slurm-... goes with --executor slurm"};
    return MakeEvaluator(context, problem, jobs);
  }
  const bool temporary = flags.folder.empty() && folder.empty();
  std::string path = !flags.folder.empty() ? flags.folder : temporary ? fmt::format("osevolve-slurm-{}", getpid()) : folder;
  path = std::filesystem::absolute(path).lexically_normal();
  SlurmOptions slurm;
  slurm.job_name = "osevolve-" + Sha256Hex(path).substr(0, 16);
  slurm.partition = flags.partition;
  slurm.minutes = flags.minutes;
  slurm.program = context.programs + "/osevolve";
  slurm.env = SlurmEnvironment(flags.copy ? "" : context.root);
  // Before there is a folder: a run that cannot begin leaves none.
  OSE_TRY(SlurmQueue::Check(slurm));
  OSE_ASSIGN(std::unique_ptr<Evaluator> local, MakeEvaluator(context, problem, jobs));
  OSE_ASSIGN(ClusterFolder opened, ClusterFolder::Open(path, temporary));
  if (flags.copy) {
    OSE_ASSIGN(slurm.program, opened.CopyPrograms(context.programs, context.include_dir()));
  }
  auto queue = std::make_unique<SlurmQueue>(slurm);
  queue->CancelWhenReleased(opened.lock_path());
  ClusterOptions options;
  OSE_ASSIGN(options.engine, EngineHash(context.programs, context.include_dir()));
  options.batch = flags.batch;
  return ClusterEvaluator::Create(std::move(local), std::move(queue), std::move(opened), options);
}

}  // namespace ose
