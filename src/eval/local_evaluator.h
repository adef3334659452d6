// LocalEvaluator: an Evaluator on this machine. The trusted side of the pipeline
//
//   gate -> compile -> torture run -> seeds -> scores
//
// on a pool of threads, each with a gate and a worker process of its own. No generated code ever
// runs in this process.
//
// A job of many seeds is done in parts, by all threads: results are taken in order, and what comes after it waits for it.
//
// Results are cached by object code, tunables and seed, so that asking again, or asking for more
// seeds of the same candidate, costs only what is new.
#ifndef OSEVOLVE_EVAL_LOCAL_EVALUATOR_H_
#define OSEVOLVE_EVAL_LOCAL_EVALUATOR_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "eval/compiler.h"
#include "eval/evaluator.h"

namespace ose {

class LocalEvaluator : public Evaluator {
 public:
  // Starts no process yet. kExitNoCompiler, kExitNoSandbox.
  static Result<std::unique_ptr<Evaluator>> Create(EvaluatorOptions options);
  ~LocalEvaluator() override;

  std::future<Evaluation> Submit(EvalJob job) override;
  std::future<Result<ScheduleProfile>> SubmitProfile(std::string source, std::string file, uint64_t seed) override;
  std::future<Result<std::vector<WorkerSeed>>> SubmitWatched(std::string source, std::string file, std::vector<uint64_t> seeds,
                                                             Watch watch) override;
  int ExitCode(const Evaluation& evaluation) override;
  const EvaluatorOptions& options() const override { return options_; }

 private:
  struct Task {
    EvalJob job;
    std::variant<std::function<void(Evaluation)>, std::function<void(Result<std::vector<WorkerSeed>>)>> done;
    Watch watch = {};
  };
  struct Parts;  // of one job
  struct Ready {  // to run
    CompiledPolicy object;
    Tunables tunables;
  };
  struct Clients;  // of one thread

  explicit LocalEvaluator(EvaluatorOptions options) : options_(std::move(options)) {}
  void ThreadMain();
  void Enqueue(Task task);
  Evaluation Process(const EvalJob& job, Clients& clients);
  Result<std::vector<WorkerSeed>> RunWatched(const EvalJob& job, const Watch& watch, Clients& clients);
  // Checks and compiles; the Evaluation says why not.
  std::variant<Ready, Evaluation> Prepare(const EvalJob& job, Clients& clients);
  Evaluation RunSeeds(const EvalJob& job, const CompiledPolicy& object, const Tunables& tunables,
                      const std::vector<uint64_t>& seeds, Clients& clients);
  Evaluation HostFailure(const Error& error, const std::string& object_hash = "");
  static std::string ResultKey(const std::string& object_hash, const Tunables& tunables);

  const EvaluatorOptions options_;
  std::unique_ptr<Compiler> compiler_;
  std::vector<std::thread> threads_;

  std::mutex mutex_;  // guards all below
  std::condition_variable wake_;
  std::deque<Task> queue_;
  bool stopping_ = false;
  std::map<std::string, std::string> gate_cache_;  // normalized source hash -> "" or the diagnosis
  struct Known {
    bool tortured = false;
    std::map<uint64_t, SeedResult> seeds;
    std::optional<Evaluation> failure;
  };
  std::map<std::string, Known> results_;  // by ResultKey
  std::map<std::string, int> host_failures_;  // exit codes by diagnosis
};

}  // namespace ose

#endif  // OSEVOLVE_EVAL_LOCAL_EVALUATOR_H_
