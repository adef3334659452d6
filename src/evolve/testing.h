// For tests and benchmarks: evaluators and mutators without processes.
#ifndef OSEVOLVE_EVOLVE_TESTING_H_
#define OSEVOLVE_EVOLVE_TESTING_H_

#include <functional>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "eval/evaluator.h"
#include "mutate/mutator.h"

namespace ose {

// Long and short jobs that start together on two CPUs: short turns help the short ones. Quick to simulate.
inline constexpr char kJobsWorkload[] = R"(format = 1
name = "small"
machine = "m"
horizon_ms = 300
[[objective]]
metric = "short.latency_p95"
[[group]]
name = "long"
count = 2
program = [ { run_ms = { uniform = [40, 50] } } ]
[[group]]
name = "short"
count = 6
start_us = { uniform = [100, 500] }
program = [ { run_us = { uniform = [500, 1500] } } ]
)";

// To evaluate on it with real processes; the bound is a number near what can be reached.
inline EvaluatorOptions JobsProblem(const std::string& source_dir, const std::string& binary_dir) {
  EvaluatorOptions o;
  o.include_dir = source_dir + "/include";
  o.program_dir = binary_dir + "/bin";
  o.workload_text = kJobsWorkload;
  o.machine_text = "format = 1\nname = \"m\"\n[topology]\ncpus = 2\n";
  o.objectives = {{"short.latency_p95", Direction::kMinimize, 1}};
  o.bounds = [](uint64_t) { return Metrics{{"short.latency_p95", 1000.0}}; };
  return o;
}

// Scores a source by a function; a negative score is a crash. Answers at once.
class FakeEvaluator : public Evaluator {
 public:
  using Function = std::function<double(const std::string& source, uint64_t seed)>;
  explicit FakeEvaluator(Function score) : score_(std::move(score)) { options_.objectives = {{"throughput", Direction::kMaximize, 1}}; }

  std::future<Evaluation> Submit(EvalJob job) override {
    ++jobs;
    limits.push_back(job.max_events);
    Evaluation e;
    e.object_hash = Sha256Hex(job.source);
    double sum = 0;
    for (uint64_t seed : job.seeds) {
      const double score = score_(job.source, seed);
      if (score < 0) {
        e.outcome = Outcome::kCrash;
        e.diagnosis = "crashed";
        e.seeds.clear();
        break;
      }
      ++seeds_run;
      sum += score;
      e.seeds.push_back({seed, {{"throughput", score}, {"switches_per_s", 100}, {"migrations_per_s", 10}, {"sim_events", 10'000 * score}}, score});
      if (job.quick_seeds > 0 && static_cast<int>(e.seeds.size()) == job.quick_seeds && sum / job.quick_seeds < job.quick_score) break;
    }
    std::promise<Evaluation> promise;
    promise.set_value(std::move(e));
    return promise.get_future();
  }
  std::future<Result<ScheduleProfile>> SubmitProfile(std::string, std::string, uint64_t) override {
    std::promise<Result<ScheduleProfile>> promise;
    promise.set_value(Error{70, "no profile"});
    return promise.get_future();
  }
  std::future<Result<std::vector<WorkerSeed>>> SubmitWatched(std::string, std::string, std::vector<uint64_t>, Watch) override {
    std::promise<Result<std::vector<WorkerSeed>>> promise;
    promise.set_value(Error{70, "nothing to watch"});
    return promise.get_future();
  }
  int ExitCode(const Evaluation& e) override { return OutcomeExitCode(e.outcome); }
  const EvaluatorOptions& options() const override { return options_; }

  int jobs = 0, seeds_run = 0;
  std::vector<uint64_t> limits;  // max_events of each job

 private:
  const Function score_;
  EvaluatorOptions options_;
};

// "value: 17;" -> "value: 18;": adds what `step` draws to the number in the source.
class FakeMutator : public Mutator {
 public:
  FakeMutator(std::vector<std::string> ops, std::function<int(std::string_view op, Rng&)> step) : ops_(std::move(ops)), step_(std::move(step)) {}
  const std::vector<std::string>& ops() const override { return ops_; }
  Result<Mutation> Mutate(const std::string& parent, std::string_view op, const std::vector<std::string>&, Rng& rng) override {
    const int step = step_(op, rng);
    if (step == 0) return Error{1, "finds nothing to change"};
    return Mutation{Source(Value(parent) + step, parent.substr(parent.find(';') + 1)), std::string(op), "step"};
  }
  static std::string Source(int value, const std::string& rest = "\n") { return "value: " + std::to_string(value) + ";" + rest; }
  static int Value(const std::string& source) { return std::stoi(source.substr(7)); }

 private:
  const std::vector<std::string> ops_;
  const std::function<int(std::string_view, Rng&)> step_;
};

}  // namespace ose

#endif  // OSEVOLVE_EVOLVE_TESTING_H_
