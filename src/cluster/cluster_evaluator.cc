#include "cluster/cluster_evaluator.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/file.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "cluster/job_files.h"
#include "core/exit_code.h"
#include "eval/reply_check.h"

namespace ose {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxResult = 16 << 20, kMaxFailure = 1 << 16;

constexpr size_t kKnown = 1024;  // candidates

// Of all jobs of a candidate, whatever their seeds.
std::string CandidateKey(const std::string& problem, EvalJob job) {
  job.seeds.clear();
  job.quick_seeds = 0;
  job.max_events = 0;
  return JobKey(problem, job);
}

Evaluation HostFailure(std::string diagnosis) {
  Evaluation e;
  e.outcome = Outcome::kInternal;
  e.diagnosis = std::move(diagnosis);
  return e;
}

// The end of what a task printed, for a person.
std::string LastWords(const std::string& path) {
  auto text = ReadFile(path, 1 << 20);
  if (!text.ok() || text->empty()) return "";
  if (text->size() > 300) text->erase(0, text->size() - 300);
  return OneLine(*text, 300);
}

}  // namespace

Result<std::unique_ptr<Evaluator>> ClusterEvaluator::Create(std::unique_ptr<Evaluator> local, std::unique_ptr<BatchQueue> queue,
                                                            ClusterFolder folder, ClusterOptions options) {
  std::unique_ptr<ClusterEvaluator> e(new ClusterEvaluator(std::move(local), std::move(queue), std::move(folder), options));
  const std::string problem = EncodeProblem({options.engine, e->local_->options().workload_text, e->local_->options().machine_text});
  e->problem_ = Sha256Hex(problem);
  OSE_TRY(WriteFileAtomic(ProblemPath(e->folder_.path(), e->problem_), problem));
  // What a killed process left.
  e->queue_->CancelAll();
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(e->folder_.path() + "/batches", ignored)) fs::remove_all(entry.path(), ignored);
  e->thread_ = std::thread([p = e.get()] { p->ThreadMain(); });
  return std::unique_ptr<Evaluator>(std::move(e));
}

ClusterEvaluator::~ClusterEvaluator() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
  for (auto& [key, job] : open_)
    for (Asker& asker : job->askers) asker.promise.set_value(HostFailure("stopped"));
}

std::optional<Evaluation> ClusterEvaluator::TakeKnown(EvalJob* job, std::map<uint64_t, SeedResult>* taken) const {
  const std::string candidate = CandidateKey(problem_, *job);
  auto it = known_.find(candidate);
  if (it == known_.end()) return std::nullopt;
  const auto& known = it->second;
  Evaluation e;
  e.object_hash = objects_.at(candidate);
  if (const size_t quick = static_cast<size_t>(std::max(0, job->quick_seeds)); quick > 0 && quick < job->seeds.size()) {
    for (size_t i = 0; i < quick; ++i) {
      auto seed = known.find(job->seeds[i]);
      if (seed == known.end()) return std::nullopt;
      e.seeds.push_back(seed->second);
    }
    if (e.MeanScore() < job->quick_score) return e;
    e.seeds.clear();
  }
  job->quick_seeds = 0;
  std::vector<uint64_t> missing;
  for (uint64_t seed : job->seeds) {
    auto s = known.find(seed);
    if (s == known.end()) missing.push_back(seed);
    else e.seeds.push_back(s->second);
  }
  for (const SeedResult& s : e.seeds) taken->emplace(s.seed, s);
  if (missing.empty()) return e;
  job->seeds = std::move(missing);
  return std::nullopt;
}

std::future<Evaluation> ClusterEvaluator::Submit(EvalJob job) {
  std::promise<Evaluation> promise;
  std::future<Evaluation> future = promise.get_future();
  {
    std::lock_guard lock(mutex_);
    const std::vector<uint64_t> seeds = job.seeds;
    std::map<uint64_t, SeedResult> known;
    if (auto answer = TakeKnown(&job, &known)) {
      promise.set_value(std::move(*answer));
      return future;
    }
    const std::string key = JobKey(problem_, job);
    JobPtr& open = open_[key];
    if (!open) {
      open = std::make_shared<Job>();
      open->key = key;
      open->job = std::move(job);
      new_.emplace_back(key, open);
    }
    open->askers.push_back({std::move(promise), seeds, std::move(known)});
  }
  wake_.notify_one();
  return future;
}

std::future<Result<ScheduleProfile>> ClusterEvaluator::SubmitProfile(std::string source, std::string file, uint64_t seed) {
  return local_->SubmitProfile(std::move(source), std::move(file), seed);
}

std::future<Result<std::vector<WorkerSeed>>> ClusterEvaluator::SubmitWatched(std::string source, std::string file, std::vector<uint64_t> seeds,
                                                                             Watch watch) {
  return local_->SubmitWatched(std::move(source), std::move(file), std::move(seeds), std::move(watch));
}

int ClusterEvaluator::ExitCode(const Evaluation& evaluation) {
  if (evaluation.outcome != Outcome::kInternal) return OutcomeExitCode(evaluation.outcome);
  std::lock_guard lock(mutex_);
  auto it = failures_.find(evaluation.diagnosis);
  return it != failures_.end() ? it->second : OutcomeExitCode(evaluation.outcome);
}

void ClusterEvaluator::ThreadMain() {
  while (TakeNew()) {
    StartTasks();
    Look();
    Poll();
  }
  queue_->CancelAll();
  while (!batches_.empty()) Forget(batches_.begin()->first);
}

// Takes what was submitted, at the latest when something else is due.
bool ClusterEvaluator::TakeNew() {
  std::deque<std::pair<std::string, JobPtr>> taken;
  {
    std::unique_lock lock(mutex_);
    const auto due = [&] { return stopping_ || !new_.empty(); };
    if (waiting_.empty() && tasks_.empty()) wake_.wait(lock, due);
    else wake_.wait_for(lock, std::chrono::nanoseconds(options_.look.v), due);
    if (stopping_) return false;
    taken.swap(new_);
  }
  for (auto& [key, job] : taken) {
    if (HasResult(*job)) continue;
    if (waiting_.empty()) waiting_since_ = MonotonicNow();
    waiting_.push_back(job);
  }
  return true;
}

// Batches what waits: jobs of a first attempt together, those of a later one alone, so that a job that takes its
// node down takes no other job with it.
void ClusterEvaluator::StartTasks() {
  const Nanos now = MonotonicNow();
  if (waiting_.empty() || now < next_start_) return;
  const size_t batch = static_cast<size_t>(std::max(1, options_.batch));
  if (now - waiting_since_ < options_.linger && waiting_.size() < batch * static_cast<size_t>(options_.array)) return;
  std::vector<std::vector<JobPtr>> tasks;
  std::vector<JobPtr> fresh;
  for (JobPtr& job : waiting_) {
    if (job->attempts > 0) tasks.push_back({job});
    else fresh.push_back(job);
  }
  for (size_t i = 0; i < fresh.size(); i += batch)
    tasks.emplace_back(fresh.begin() + static_cast<std::ptrdiff_t>(i), fresh.begin() + static_cast<std::ptrdiff_t>(std::min(i + batch, fresh.size())));
  waiting_.clear();
  const size_t array = static_cast<size_t>(std::max(1, options_.array));
  for (size_t i = 0; i < tasks.size(); i += array)
    StartArray({tasks.begin() + static_cast<std::ptrdiff_t>(i), tasks.begin() + static_cast<std::ptrdiff_t>(std::min(i + array, tasks.size()))});
}

void ClusterEvaluator::StartArray(std::vector<std::vector<JobPtr>> tasks) {
  const std::string dir = fmt::format("{}/batches/{}-{:06}", folder_.path(), getpid(), next_batch_++);
  const auto write = [&]() -> Status {
    OSE_TRY(MakeDirs(dir));
    for (size_t i = 0; i < tasks.size(); ++i) {
      ClusterTask task{problem_, {}};
      for (const JobPtr& job : tasks[i]) task.jobs.push_back(job->job);
      OSE_TRY(WriteFileAtomic(TaskPath(dir, static_cast<int>(i)), EncodeTask(task)));
    }
    return {};
  };
  const Status written = write();
  Result<std::string> id = written.ok() ? queue_->Start(dir, static_cast<int>(tasks.size())) : Result<std::string>(written.error());
  const Nanos now = MonotonicNow();
  if (id.ok()) {
    trouble_since_ = Nanos::Max();
    batches_[dir] = static_cast<int>(tasks.size());
    for (size_t i = 0; i < tasks.size(); ++i) tasks_[fmt::format("{}_{}", *id, i)] = {dir, static_cast<int>(i), std::move(tasks[i]), Nanos::Max(), Nanos::Max(), "", ""};
    return;
  }
  Forget(dir);
  trouble_since_ = std::min(trouble_since_, now);
  const bool again = id.error().code != kExitNoCluster && written.ok() && now - trouble_since_ < options_.patience;
  if (again) next_start_ = now + options_.poll * 5;
  for (auto& task : tasks)
    for (JobPtr& job : task) {
      if (again) {
        if (waiting_.empty()) waiting_since_ = now;
        waiting_.push_back(job);
      } else {
        job->why = id.error();
        GiveUp(*job);
      }
    }
}

void ClusterEvaluator::Look() {
  for (auto it = tasks_.begin(); it != tasks_.end();) {
    Task& task = it->second;
    std::erase_if(task.missing, [&](const JobPtr& job) { return HasResult(*job); });
    if (!task.missing.empty()) {
      // Its node says why it could not; what it wrote before that is there.
      if (auto failure = ReadFile(FailurePath(task.batch_dir, task.index), kMaxFailure); failure.ok())
        TaskIsOver(it->first, task, DecodeFailure(*failure));
    }
    if (!task.missing.empty()) {
      ++it;
      continue;
    }
    if (--batches_[task.batch_dir] == 0) Forget(task.batch_dir);
    it = tasks_.erase(it);
  }
}

void ClusterEvaluator::Poll() {
  const Nanos now = MonotonicNow();
  if (tasks_.empty() || now < next_poll_) return;
  next_poll_ = now + options_.poll;
  const bool listen = now >= next_listen_;
  if (listen) next_listen_ = now + std::min(kHeartbeat, options_.silence);
  auto states = queue_->Tasks();
  if (!states.ok()) return;  // results are seen without it
  for (auto& [id, task] : tasks_) {
    auto it = states->find(id);
    if (it != states->end()) task.state = it->second.state;
    if (it != states->end() && !it->second.over) {
      task.over_since = Nanos::Max();
      if (listen && it->second.running && IsSilent(task))
        TaskIsOver(id, task, {kExitNoCluster, fmt::format("a job fell silent: {}; did its node die, or does it not see {}?", task.state, folder_.path())});
      if (it->second.never.empty()) continue;
      queue_->Cancel(id);
      for (JobPtr& job : std::exchange(task.missing, {})) {
        job->why = {kExitNoCluster, fmt::format("the cluster will never start the job: {} (squeue's reason); change --slurm-partition or --slurm-time", it->second.never)};
        GiveUp(*job);
      }
      continue;
    }
    task.over_since = std::min(task.over_since, now);
    const bool failed = it != states->end() && it->second.failed;
    if (!failed && now - task.over_since < options_.grace) continue;
    const std::string words = LastWords(fmt::format("{}/{}.out", task.batch_dir, task.index));
    TaskIsOver(id, task, {kExitNoCluster, fmt::format("a job ended without a result: {}{}. Do the nodes see {} and have the same osevolve at the same place (--slurm-copy), and is its time enough (--slurm-time)?",
                                                      task.state.empty() ? "vanished" : task.state, words.empty() ? "" : "; it said: " + words, folder_.path())});
  }
}

// Slurm takes minutes to see that a node is dead (SlurmdTimeout), and meanwhile the search would wait.
bool ClusterEvaluator::IsSilent(Task& task) const {
  const Nanos now = MonotonicNow();
  // Read, since shared folders may know the time of a file from earlier.
  auto heartbeat = ReadFile(HeartbeatPath(task.batch_dir, task.index), 100);
  if (task.alive_at == Nanos::Max() || (heartbeat.ok() && *heartbeat != task.heartbeat)) {
    task.alive_at = now;
    if (heartbeat.ok()) task.heartbeat = *heartbeat;
  }
  return now - task.alive_at > options_.silence;
}

// What it owes is done again or given up.
void ClusterEvaluator::TaskIsOver(const std::string& id, Task& task, const Error& why) {
  queue_->Cancel(id);  // it may only seem to be over
  for (JobPtr& job : task.missing) {
    job->why = why;
    if (++job->attempts >= options_.attempts) {
      GiveUp(*job);
    } else {
      if (waiting_.empty()) waiting_since_ = MonotonicNow();
      waiting_.push_back(job);
    }
  }
  task.missing.clear();
}

bool ClusterEvaluator::HasResult(Job& job) {
  const std::string path = ResultPath(folder_.path(), job.key);
  if (access(path.c_str(), R_OK) != 0) return false;
  auto text = ReadFile(path, kMaxResult);
  Result<Evaluation> e = text.ok() ? DecodeResult(*text, job.key) : Result<Evaluation>(text.error());
  if (e.ok()) {
    if (std::string why = Check(job.job, &*e); !why.empty()) e = Error{kExitInternal, why};
  }
  if (!e.ok()) {
    unlink(path.c_str());  // it is owed again
    job.why = e.error();
    return false;
  }
  Answer(job, *e);
  return true;
}

std::string ClusterEvaluator::Check(const EvalJob& job, Evaluation* e) const {
  if (e->outcome != Outcome::kOk) return e->seeds.empty() ? "" : "the result of a failure has seeds";
  const EvaluatorOptions& o = options();
  WorkerRun asked;
  asked.steps.push_back({.slot = 0, .checked = false, .report = true, .seeds = job.seeds});
  // The quick stage may have ended it.
  const size_t quick = static_cast<size_t>(std::max(0, job.quick_seeds));
  const bool cut = quick > 0 && quick < job.seeds.size() && e->seeds.size() == quick;
  if (cut) asked.steps[0].seeds.resize(quick);
  WorkerReply reply;
  for (const SeedResult& s : e->seeds) reply.results.push_back({s.seed, s.metrics, {}, {}});
  if (std::string why = CheckReply(asked, reply, o.objectives, o.bounds); !why.empty()) return why;
  for (SeedResult& s : e->seeds) s.score = job.workload.empty() ? Score(o.objectives, s.metrics, o.bounds(s.seed)) : 0;
  if (cut && e->MeanScore() >= job.quick_score) return "the result lacks seeds";
  return "";
}

void ClusterEvaluator::Answer(Job& job, const Evaluation& e) {
  std::vector<Asker> askers;
  {
    std::lock_guard lock(mutex_);
    askers.swap(job.askers);
    open_.erase(job.key);
    if (e.outcome == Outcome::kOk) {
      const std::string candidate = CandidateKey(problem_, job.job);
      auto [it, added] = known_.try_emplace(candidate);
      for (const SeedResult& s : e.seeds) it->second.emplace(s.seed, s);
      objects_[candidate] = e.object_hash;
      if (added) known_order_.push_back(candidate);
      if (known_order_.size() > kKnown) {
        known_.erase(known_order_.front());
        objects_.erase(known_order_.front());
        known_order_.pop_front();
      }
    }
  }
  const bool cut = e.outcome != Outcome::kOk || e.seeds.size() < job.job.seeds.size();
  for (Asker& asker : askers) {
    Evaluation answer = e;
    if (!cut) {
      for (const SeedResult& s : e.seeds) asker.known.emplace(s.seed, s);
      answer.seeds.clear();
      for (uint64_t seed : asker.seeds) answer.seeds.push_back(asker.known.at(seed));
    }
    asker.promise.set_value(std::move(answer));
  }
}

void ClusterEvaluator::GiveUp(Job& job) {
  const std::string why = job.attempts > 1 ? fmt::format("{} (tried {} times)", job.why.message, job.attempts) : job.why.message;
  {
    std::lock_guard lock(mutex_);
    failures_[why] = job.why.code;
  }
  Answer(job, HostFailure(why));
}

// By value: callers hand in the key of the entry that goes.
void ClusterEvaluator::Forget(std::string batch_dir) {
  batches_.erase(batch_dir);
  std::error_code ignored;
  fs::remove_all(batch_dir, ignored);
}

}  // namespace ose
