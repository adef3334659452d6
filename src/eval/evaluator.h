// Evaluator: policy source + seeds -> Evaluation. The trusted side of the pipeline
//
//   gate -> compile -> torture run -> seeds -> scores
//
// on a pool of threads, each with a gate and a worker process of its own. No generated code ever
// runs in this process.
//
// Results are cached by object code, tunables and seed, so that asking again, or asking for more
// seeds of the same candidate, costs only what is new; what an Evaluation says does not depend on
// the cache, on the number of jobs or on the order of completion.
//
// Threads: Submit from any; the futures become ready in any order.
#ifndef OSEVOLVE_EVAL_EVALUATOR_H_
#define OSEVOLVE_EVAL_EVALUATOR_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "core/candidate.h"
#include "core/schedule_profile.h"
#include "core/score.h"
#include "core/worker_protocol.h"
#include "eval/compiler.h"

namespace ose {

struct EvaluatorOptions {
  std::string include_dir;   // holds osevolve/policy.h
  std::string program_dir;   // holds osevolve-gate and osevolve-worker
  std::string workload_text, machine_text;
  std::vector<Objective> objectives;
  // What no policy can beat, by seed (workload/bound.h); called from any thread.
  std::function<Metrics(uint64_t seed)> bounds;
  int jobs = 2;
  WorkerLimits limits;
};

struct EvalJob {
  std::string source;
  std::string file = "policy.cc";  // names it in messages
  std::vector<uint64_t> seeds;
  std::optional<std::string> skeleton_of;  // only evolve blocks and tunables may differ from this
  // Cascade: after the first `quick_seeds` seeds, stop if their mean score is below `quick_score`;
  // the Evaluation then holds those seeds only. 0: no quick stage.
  int quick_seeds = 0;
  double quick_score = 0;
  // The canonical text of a workload that takes the place of the options', as a sweep needs it; "": none.
  // What it measures has no score (0).
  std::string workload = {};
};

class Evaluator {
 public:
  // Starts no process yet. kExitNoCompiler, kExitNoSandbox.
  static Result<std::unique_ptr<Evaluator>> Create(EvaluatorOptions options);
  // Waits for running jobs; those not started are abandoned with an Outcome of kInternal.
  ~Evaluator();

  std::future<Evaluation> Submit(EvalJob job);
  Evaluation Evaluate(EvalJob job) { return Submit(std::move(job)).get(); }

  // Where the time goes in one run of a policy (one seed, simulated anew each time: only the gate's and
  // the compiler's caches are used). The error of a policy that fails has the diagnosis and exit code
  // of its Evaluation.
  std::future<Result<ScheduleProfile>> SubmitProfile(std::string source, std::string file, uint64_t seed);
  // Likewise what `watch` asks to see, of each seed in its order.
  std::future<Result<std::vector<WorkerSeed>>> SubmitWatched(std::string source, std::string file, std::vector<uint64_t> seeds, Watch watch);

  // OutcomeExitCode, but for Outcome::kInternal the code of what failed on the host, as kExitIo for
  // a full disk.
  int ExitCode(const Evaluation& evaluation);

  const EvaluatorOptions& options() const { return options_; }

 private:
  struct Task {
    EvalJob job;
    std::variant<std::promise<Evaluation>, std::function<void(Result<std::vector<WorkerSeed>>)>> promise;
    Watch watch = {};
  };
  struct Ready {  // to run
    CompiledPolicy object;
    Tunables tunables;
  };
  struct Clients;  // of one thread

  explicit Evaluator(EvaluatorOptions options) : options_(std::move(options)) {}
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

#endif  // OSEVOLVE_EVAL_EVALUATOR_H_
