// Evaluator: policy source + seeds -> Evaluation, wherever the work is done: on this machine
// (eval/local_evaluator.h) or elsewhere. What an Evaluation says does not depend on where, on how
// many at once or on the order of completion.
//
// Threads: Submit from any; the futures become ready in any order.
#ifndef OSEVOLVE_EVAL_EVALUATOR_H_
#define OSEVOLVE_EVAL_EVALUATOR_H_

#include <algorithm>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "core/candidate.h"
#include "core/schedule_profile.h"
#include "core/score.h"
#include "core/worker_protocol.h"

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

// What a run may take when a policy that is known to be sound takes `most` events: many times that, and what is simulated
// in a moment in any case. 0, no limit, when it is not known.
inline uint64_t RunawayLimit(uint64_t most) { return most > 0 ? std::max<uint64_t>(16 * most, 1'000'000) : 0; }

struct EvalJob {
  std::string source;
  std::string file = "policy.cc";  // names it in messages
  std::vector<uint64_t> seeds;
  std::optional<std::string> skeleton_of;  // only evolve blocks and tunables may differ from this
  // Cascade: after the first `quick_seeds` seeds, stop if their mean score is below `quick_score`;
  // the Evaluation then holds those seeds only. 0: no quick stage.
  int quick_seeds = 0;
  double quick_score = 0;
  // More simulator events (metric sim_events) than these end a run as a time-out, whatever the machine's speed; 0: no limit.
  // A result that is known already is given all the same.
  uint64_t max_events = 0;
  // The canonical text of a workload that takes the place of the options', as a sweep needs it; "": none.
  // What it measures has no score (0) and is not held against a bound.
  std::string workload = {};
};

class Evaluator {
 public:
  // Jobs that are not over are waited for or abandoned with an Outcome of kInternal.
  virtual ~Evaluator() = default;

  virtual std::future<Evaluation> Submit(EvalJob job) = 0;
  Evaluation Evaluate(EvalJob job) { return Submit(std::move(job)).get(); }

  // Where the time goes in one run of a policy (one seed, simulated anew each time: only the gate's and
  // the compiler's caches are used). The error of a policy that fails has the diagnosis and exit code
  // of its Evaluation.
  virtual std::future<Result<ScheduleProfile>> SubmitProfile(std::string source, std::string file, uint64_t seed) = 0;
  // Likewise what `watch` asks to see, of each seed in its order.
  virtual std::future<Result<std::vector<WorkerSeed>>> SubmitWatched(std::string source, std::string file, std::vector<uint64_t> seeds,
                                                                     Watch watch) = 0;

  // OutcomeExitCode, but for Outcome::kInternal the code of what failed on the host, as kExitIo for
  // a full disk.
  virtual int ExitCode(const Evaluation& evaluation) = 0;

  virtual const EvaluatorOptions& options() const = 0;
};

}  // namespace ose

#endif  // OSEVOLVE_EVAL_EVALUATOR_H_
