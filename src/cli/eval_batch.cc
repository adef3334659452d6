// osevolve eval-batch: what a node of a cluster runs, one task of a batch (cluster/job_files.h).
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cluster/job_files.h"
#include "core/exit_code.h"

namespace ose {
namespace {

struct BatchFlags {
  std::string dir;
  int index = 0;
};

bool HasResult(const std::string& path, const std::string& key) {
  auto text = ReadFile(path);
  return text.ok() && DecodeResult(*text, key).ok();
}

// Says that this node lives, for as long as it exists.
class Heartbeat {
 public:
  explicit Heartbeat(std::string path) : path_(std::move(path)), thread_([this] { ThreadMain(); }) {}
  ~Heartbeat() {
    {
      std::lock_guard lock(mutex_);
      over_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

 private:
  void ThreadMain() {
    std::unique_lock lock(mutex_);
    for (int64_t n = 0; !over_; ++n) {
      (void)WriteFileAtomic(path_, std::to_string(n));  // where it cannot write, results cannot be either
      wake_.wait_for(lock, std::chrono::nanoseconds(kHeartbeat.v), [this] { return over_; });
    }
  }

  const std::string path_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool over_ = false;
  std::thread thread_;
};

Status RunTask(const BatchFlags& flags, const CommonFlags& common) {
  OSE_ASSIGN(Context context, Context::Find());
  const std::string folder = Dirname(Dirname(flags.dir));
  OSE_ASSIGN(std::string task_text, ReadFile(TaskPath(flags.dir, flags.index)));
  OSE_ASSIGN(ClusterTask task, DecodeTask(task_text));
  OSE_ASSIGN(std::string problem_text, ReadFile(ProblemPath(folder, task.problem)));
  if (Sha256Hex(problem_text) != task.problem) return Error{kExitIo, ProblemPath(folder, task.problem) + ": its content is not that of its name"};
  OSE_ASSIGN(ClusterProblem cluster, DecodeProblem(problem_text));
  OSE_ASSIGN(std::string engine, EngineHash(context.programs, context.include_dir()));
  if (engine != cluster.engine)
    return Error{kExitNoCluster, "the osevolve in " + context.programs + " is not the one that asks; use the same build everywhere, or --slurm-copy"};
  OSE_ASSIGN(Problem problem, MakeProblem(cluster.workload, cluster.machine));
  OSE_ASSIGN(auto evaluator, MakeEvaluator(context, problem, 1));
  int evaluated = 0;
  for (const EvalJob& job : task.jobs) {
    const std::string key = JobKey(task.problem, job), path = ResultPath(folder, key);
    if (HasResult(path, key)) continue;  // of an earlier attempt, or somebody else asked the same
    const Evaluation e = evaluator->Evaluate(job);
    if (e.outcome == Outcome::kInternal) return Error{evaluator->ExitCode(e), e.diagnosis};
    ++evaluated;
    OSE_TRY(MakeDirs(Dirname(path)));
    // Another node may have been faster with the same.
    if (Status written = WriteFileAtomic(path, EncodeResult(key, e)); !written.ok() && !HasResult(path, key)) return written;
  }
  if (common.json) PrintJson({{"jobs", task.jobs.size()}, {"evaluated", evaluated}});
  else fmt::print("{} of {} jobs evaluated, the others were\n", evaluated, task.jobs.size());
  return {};
}

Status RunEvalBatch(const BatchFlags& flags, const CommonFlags& common) {
  const Heartbeat heartbeat(HeartbeatPath(flags.dir, flags.index));
  Status status = RunTask(flags, common);
  if (status.ok()) return status;
  const char* node = getenv("SLURMD_NODENAME");
  const Error error{status.error().code, node ? fmt::format("node {}: {}", node, status.error().message) : status.error().message};
  // Where it cannot write, the missing results say it.
  (void)WriteFileAtomic(FailurePath(flags.dir, flags.index), EncodeFailure(error));
  return error;
}

}  // namespace

void RegisterEvalBatch(CLI::App& app, Command& command) {
  auto flags = std::make_shared<BatchFlags>();
  CLI::App* sub = app.add_subcommand("eval-batch", "Evaluate one task of a batch, as a node of a cluster does (docs/slurm.md).");
  sub->add_option("batch", flags->dir, "folder of the batch: FOLDER/batches/NAME")->required();
  sub->add_option("index", flags->index, "number of the task")->required()->check(CLI::Range(0, 1'000'000'000));
  AddCommonFlags(*sub, command);
  sub->footer("Example:  osevolve eval-batch runs/hol-1/slurm/batches/4711-000000 0");
  sub->callback([flags, &command] { command.run = [flags, &command] { return RunEvalBatch(*flags, command.flags); }; });
}

}  // namespace ose
