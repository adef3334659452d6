#include "eval/local_evaluator.h"

#include <algorithm>
#include <iterator>

#include "base/file.h"
#include "base/hash.h"
#include "core/exit_code.h"
#include "core/policy_source.h"
#include "eval/clients.h"
#include "eval/reply_check.h"
#include "eval/torture.h"

namespace ose {
namespace {

constexpr int kMainSlot = 0, kTortureSlot = 1, kOtherSlot = 2;
constexpr uint64_t kTortureSeeds[] = {1, 2};
constexpr size_t kSeedsPerRun = 8;

// Stands for the candidate's name in texts that are cached: what an evaluation says must not depend
// on who asked first.
constexpr char kFileMark[] = "\x01";

std::string WithFile(std::string text, const std::string& file) {
  for (size_t at; (at = text.find(kFileMark)) != std::string::npos;) text.replace(at, sizeof kFileMark - 1, file);
  return text;
}

Evaluation Failure(Outcome outcome, std::string diagnosis, std::string object_hash = "") {
  Evaluation e;
  e.outcome = outcome;
  e.diagnosis = std::move(diagnosis);
  e.object_hash = std::move(object_hash);
  return e;
}

Outcome OutcomeOfCompileError(int code) {
  switch (code) {
    case kExitCompile: return Outcome::kCompile;
    case kExitPolicyTimeout: return Outcome::kTimeout;
    default: return Outcome::kInternal;
  }
}

}  // namespace

struct LocalEvaluator::Clients {
  GateClient gate;
  WorkerClient worker;
};

Result<std::unique_ptr<Evaluator>> LocalEvaluator::Create(EvaluatorOptions options) {
  for (const char* program : {"osevolve-gate", "osevolve-worker"})
    if (std::string path = JoinPath(options.program_dir, program); !FileExists(path))
      return Error{kExitInternal, "cannot find " + path + "; build again with ./osevolve"};
  std::unique_ptr<LocalEvaluator> e(new LocalEvaluator(std::move(options)));
  OSE_ASSIGN(e->compiler_, Compiler::Create(e->options_.include_dir));
  for (int i = 0; i < std::max(1, e->options_.jobs); ++i) e->threads_.emplace_back([p = e.get()] { p->ThreadMain(); });
  return std::unique_ptr<Evaluator>(std::move(e));
}

LocalEvaluator::~LocalEvaluator() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    for (Task& t : queue_) {
      if (auto* evaluated = std::get_if<0>(&t.done)) (*evaluated)(Failure(Outcome::kInternal, "stopped"));
      else std::get<1>(t.done)(Error{kExitInternal, "stopped"});
    }
    queue_.clear();
  }
  wake_.notify_all();
  for (std::thread& t : threads_) t.join();
}

// The evaluation of the whole job says what it would if its parts had been run one after another.
struct LocalEvaluator::Parts {
  std::mutex mutex;  // guards `left`; the thread that makes it 0 has the rest to itself
  size_t left;
  std::vector<Evaluation> done;
  std::promise<Evaluation> promise;

  void Add(size_t part, Evaluation e) {
    done[part] = std::move(e);
    {
      std::lock_guard lock(mutex);
      if (--left > 0) return;
    }
    Evaluation whole = std::move(done[0]);
    for (size_t i = 1; i < done.size() && whole.outcome == Outcome::kOk; ++i) {
      if (done[i].outcome != Outcome::kOk) whole = std::move(done[i]);
      else std::move(done[i].seeds.begin(), done[i].seeds.end(), std::back_inserter(whole.seeds));
    }
    promise.set_value(std::move(whole));
  }
};

std::future<Evaluation> LocalEvaluator::Submit(EvalJob job) {
  const bool in_parts = job.quick_seeds == 0 && threads_.size() > 1;
  auto parts = std::make_shared<Parts>();
  parts->left = in_parts ? std::max<size_t>(1, (job.seeds.size() + kSeedsPerRun - 1) / kSeedsPerRun) : 1;
  parts->done.resize(parts->left);
  std::future<Evaluation> future = parts->promise.get_future();
  const std::vector<uint64_t> seeds = std::move(job.seeds);
  for (size_t i = 0, n = parts->done.size(); i < n; ++i) {
    const auto begin = seeds.begin() + static_cast<std::ptrdiff_t>(std::min(i * kSeedsPerRun, seeds.size()));
    const auto end = i + 1 == n ? seeds.end() : begin + kSeedsPerRun;
    EvalJob part = job;
    part.seeds.assign(begin, end);
    Enqueue({std::move(part), [parts, i](Evaluation e) { parts->Add(i, std::move(e)); }});
  }
  return future;
}

std::future<Result<ScheduleProfile>> LocalEvaluator::SubmitProfile(std::string source, std::string file, uint64_t seed) {
  auto promise = std::make_shared<std::promise<Result<ScheduleProfile>>>();
  auto done = [promise](Result<std::vector<WorkerSeed>> seeds) {
    if (!seeds.ok()) promise->set_value(seeds.error());
    else if (!seeds->front().profile) promise->set_value(Error{kExitInternal, "the worker left out the profile"});
    else promise->set_value(std::move(*seeds->front().profile));
  };
  Enqueue({{.source = std::move(source), .file = std::move(file), .seeds = {seed}, .skeleton_of = {}}, std::move(done), {.profile = true}});
  return promise->get_future();
}

std::future<Result<std::vector<WorkerSeed>>> LocalEvaluator::SubmitWatched(std::string source, std::string file, std::vector<uint64_t> seeds,
                                                                      Watch watch) {
  auto promise = std::make_shared<std::promise<Result<std::vector<WorkerSeed>>>>();
  auto done = [promise](Result<std::vector<WorkerSeed>> results) { promise->set_value(std::move(results)); };
  Enqueue({{.source = std::move(source), .file = std::move(file), .seeds = std::move(seeds), .skeleton_of = {}}, std::move(done), std::move(watch)});
  return promise->get_future();
}

void LocalEvaluator::Enqueue(Task task) {
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void LocalEvaluator::ThreadMain() {
  std::vector<WorkerLoad> slots = {
      {kMainSlot, options_.workload_text, options_.machine_text},
      {kTortureSlot, std::string(TortureWorkload()), std::string(TortureMachine())},
  };
  Clients clients{GateClient(JoinPath(options_.program_dir, "osevolve-gate"), compiler_->include_dir(), compiler_->temp_dir()),
                  WorkerClient(JoinPath(options_.program_dir, "osevolve-worker"), std::move(slots))};
  for (;;) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    Task task = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    if (auto* evaluated = std::get_if<0>(&task.done)) (*evaluated)(Process(task.job, clients));
    else std::get<1>(task.done)(RunWatched(task.job, task.watch, clients));
  }
}

std::string LocalEvaluator::ResultKey(const std::string& object_hash, const Tunables& tunables) {
  std::string key = object_hash;
  for (auto& [name, value] : tunables) key += ' ' + name + '=' + std::to_string(value);
  return key;
}

Evaluation LocalEvaluator::HostFailure(const Error& error, const std::string& object_hash) {
  std::lock_guard lock(mutex_);
  host_failures_[error.message] = error.code;
  return Failure(Outcome::kInternal, error.message, object_hash);
}

int LocalEvaluator::ExitCode(const Evaluation& evaluation) {
  if (evaluation.outcome != Outcome::kInternal) return OutcomeExitCode(evaluation.outcome);
  std::lock_guard lock(mutex_);
  auto it = host_failures_.find(evaluation.diagnosis);
  return it != host_failures_.end() ? it->second : OutcomeExitCode(evaluation.outcome);
}

std::variant<LocalEvaluator::Ready, Evaluation> LocalEvaluator::Prepare(const EvalJob& job, Clients& clients) {
  // What may differ from the parent.
  if (job.skeleton_of) {
    auto mine = Skeleton(job.source), parents = Skeleton(*job.skeleton_of);
    if (!mine.ok()) return Failure(Outcome::kGate, job.file + ": " + mine.error().message);
    if (parents.ok() && *mine != *parents)
      return Failure(Outcome::kGate, job.file + ": changed outside its evolve blocks; only text between EVOLVE-BLOCK-START and "
                                                "EVOLVE-BLOCK-END and the defaults of tunables may change");
  }
  auto tunables = DefaultTunables(job.source);
  if (!tunables.ok()) return Failure(Outcome::kGate, job.file + ": " + tunables.error().message);
  auto normalized = NormalizedSource(job.source);
  if (!normalized.ok()) return Failure(Outcome::kGate, job.file + ": " + normalized.error().message);

  // Gate.
  const std::string source_key = Sha256Hex(*normalized);
  std::optional<std::string> verdict;
  {
    std::lock_guard lock(mutex_);
    if (auto it = gate_cache_.find(source_key); it != gate_cache_.end()) verdict = it->second;
  }
  if (!verdict) {
    auto response = clients.gate.Check({.source = *normalized, .file = kFileMark, .skeleton_of = {}});
    if (!response.ok()) return HostFailure(response.error());
    verdict = response->ok ? "" : response->Text(kFileMark);
    std::lock_guard lock(mutex_);
    gate_cache_.emplace(source_key, *verdict);
  }
  if (!verdict->empty()) {
    bool compile = verdict->find(": compile: ") != std::string::npos;
    return Failure(compile ? Outcome::kCompile : Outcome::kGate, WithFile(*verdict, job.file));
  }

  // Compile.
  auto object = compiler_->Compile(*normalized, job.file);
  if (!object.ok()) {
    Outcome outcome = OutcomeOfCompileError(object.error().code);
    return outcome == Outcome::kInternal ? HostFailure(object.error()) : Failure(outcome, object.error().message);
  }
  return Ready{std::move(*object), std::move(*tunables)};
}

Evaluation LocalEvaluator::Process(const EvalJob& job, Clients& clients) {
  auto prepared = Prepare(job, clients);
  if (auto* failure = std::get_if<Evaluation>(&prepared)) return std::move(*failure);
  const auto& [object, tunables] = std::get<Ready>(prepared);
  if (job.quick_seeds > 0 && static_cast<size_t>(job.quick_seeds) < job.seeds.size()) {
    std::vector<uint64_t> quick(job.seeds.begin(), job.seeds.begin() + job.quick_seeds);
    Evaluation e = RunSeeds(job, object, tunables, quick, clients);
    if (e.outcome != Outcome::kOk || e.MeanScore() < job.quick_score) return e;
  }
  return RunSeeds(job, object, tunables, job.seeds, clients);
}

Result<std::vector<WorkerSeed>> LocalEvaluator::RunWatched(const EvalJob& job, const Watch& watch, Clients& clients) {
  auto fails = [this](const Evaluation& e) { return Error{ExitCode(e), e.diagnosis}; };
  auto prepared = Prepare(job, clients);
  if (auto* failure = std::get_if<Evaluation>(&prepared)) return fails(*failure);
  const auto& [object, tunables] = std::get<Ready>(prepared);
  std::vector<WorkerSeed> results;
  for (uint64_t seed : job.seeds) {
    WorkerRun run{.object = object.path, .tunables = tunables, .steps = {}, .limits = options_.limits};
    run.steps.push_back({.slot = kMainSlot, .checked = false, .report = true, .seeds = {seed}, .watch = watch});
    OSE_ASSIGN(WorkerReply reply, clients.worker.Run(run));
    if (reply.outcome != Outcome::kOk) return fails(Failure(reply.outcome, job.file + ": " + reply.diagnosis));
    if (reply.results.size() != 1) return Error{kExitInternal, "the worker left out a seed"};
    results.push_back(std::move(reply.results[0]));
  }
  return results;
}

// Runs the seeds that are not known yet.
Evaluation LocalEvaluator::RunSeeds(const EvalJob& job, const CompiledPolicy& object, const Tunables& tunables,
                               const std::vector<uint64_t>& seeds, Clients& clients) {
  const std::string main_key = ResultKey(object.object_hash, tunables);
  const std::string result_key = job.workload.empty() ? main_key : main_key + " on " + Sha256Hex(job.workload);
  const int slot = job.workload.empty() ? kMainSlot : kOtherSlot;
  if (slot == kOtherSlot) {
    auto used = clients.worker.Use({kOtherSlot, job.workload, options_.machine_text});
    if (!used.ok()) return HostFailure(used.error(), object.object_hash);
  }
  std::vector<uint64_t> missing;
  bool tortured = false;
  {
    std::lock_guard lock(mutex_);
    Known& known = results_[result_key];
    known.tortured |= results_[main_key].tortured;
    if (known.failure) {
      Evaluation failure = *known.failure;
      failure.diagnosis = WithFile(failure.diagnosis, job.file);
      return failure;
    }
    tortured = known.tortured;
    for (uint64_t seed : seeds)
      if (!known.seeds.contains(seed)) missing.push_back(seed);
  }
  // A few seeds a run, so that the limits of a run do not depend on how many are asked for.
  std::vector<WorkerSeed> results;
  for (size_t begin = 0; begin < missing.size() || !tortured; begin += kSeedsPerRun) {
    WorkerRun run{.object = object.path, .tunables = tunables, .steps = {}, .limits = options_.limits};
    if (!tortured)
      run.steps.push_back({.slot = kTortureSlot, .checked = true, .report = false, .seeds = {std::begin(kTortureSeeds), std::end(kTortureSeeds)}});
    tortured = true;
    if (begin < missing.size()) {
      size_t end = std::min(begin + kSeedsPerRun, missing.size());
      run.steps.push_back({.slot = slot, .checked = false, .report = true,
                           .seeds = {missing.begin() + static_cast<std::ptrdiff_t>(begin), missing.begin() + static_cast<std::ptrdiff_t>(end)},
                           .max_events = job.max_events});
    }
    auto answered = clients.worker.Run(run);
    if (!answered.ok()) return Failure(Outcome::kInternal, answered.error().message, object.object_hash);
    if (answered->outcome != Outcome::kOk) {
      Evaluation failure = Failure(answered->outcome, std::string(kFileMark) + ": " + answered->diagnosis, object.object_hash);
      // Failing the torture run means failing whatever the seeds. A time-out may be the machine's
      // fault, and a failure on some seed says nothing about a job without that seed.
      if (answered->diagnosis.ends_with(kTortureNote) && answered->outcome != Outcome::kTimeout) {
        std::lock_guard lock(mutex_);
        results_[result_key].failure = failure;
      }
      failure.diagnosis = WithFile(failure.diagnosis, job.file);
      return failure;
    }
    // The bounds are those of the options' workload.
    const auto bounds = slot == kMainSlot ? options_.bounds : [](uint64_t) { return Metrics(); };
    if (std::string why = CheckReply(run, *answered, options_.objectives, bounds); !why.empty())
      return Failure(Outcome::kSandbox, job.file + ": " + why, object.object_hash);
    for (WorkerSeed& s : answered->results) results.push_back(std::move(s));
  }
  std::vector<SeedResult> fresh;
  for (WorkerSeed& s : results) {
    double score = slot == kMainSlot ? Score(options_.objectives, s.metrics, options_.bounds(s.seed)) : 0;
    fresh.push_back({s.seed, std::move(s.metrics), score});
  }
  Evaluation e;
  e.object_hash = object.object_hash;
  std::lock_guard lock(mutex_);
  Known& known = results_[result_key];
  known.tortured = results_[main_key].tortured = true;
  for (SeedResult& r : fresh) known.seeds.emplace(r.seed, std::move(r));
  for (uint64_t seed : seeds) {
    auto it = known.seeds.find(seed);
    if (it == known.seeds.end()) return Failure(Outcome::kInternal, "the worker left out a seed", e.object_hash);
    e.seeds.push_back(it->second);
  }
  return e;
}

}  // namespace ose
