// The submitting side against a queue whose nodes do as a test says: vanish, tear, forge, refuse.
#include "cluster/cluster_evaluator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>

#include "base/file.h"
#include "cluster/job_files.h"
#include "core/exit_code.h"

namespace ose {
namespace {

// What an honest node finds: throughput = seed.
Evaluation Honest(const EvalJob& job) {
  Evaluation e;
  e.object_hash = "object";
  for (uint64_t seed : job.seeds) e.seeds.push_back({seed, {{"throughput", static_cast<double>(seed)}}, 0});
  return e;
}

class NoEvaluator : public Evaluator {
 public:
  NoEvaluator() {
    options_.workload_text = "workload";
    options_.machine_text = "machine";
    options_.objectives = {{"throughput", Direction::kMaximize, 1}};
    options_.bounds = [](uint64_t) { return Metrics{{"throughput", 100.0}}; };
  }
  std::future<Evaluation> Submit(EvalJob) override { return {}; }
  std::future<Result<ScheduleProfile>> SubmitProfile(std::string, std::string, uint64_t) override { return {}; }
  std::future<Result<std::vector<WorkerSeed>>> SubmitWatched(std::string, std::string, std::vector<uint64_t>, Watch) override { return {}; }
  int ExitCode(const Evaluation& e) override { return OutcomeExitCode(e.outcome); }
  const EvaluatorOptions& options() const override { return options_; }

 private:
  EvaluatorOptions options_;
};

// Scores go through pow, so they are not exact.
auto Near(const std::vector<double>& scores) { return testing::Pointwise(testing::DoubleNear(1e-9), scores); }

// What happened, also after the evaluator is gone.
struct Log {
  std::vector<std::vector<size_t>> arrays;  // jobs by task
  int evaluated = 0, cancelled_all = 0;
};

class FakeQueue : public BatchQueue {
 public:
  // What becomes of job `n` (counted over all tasks): true: its result is written.
  using Node = std::function<bool(const std::string& folder, const std::string& key, const EvalJob& job, int n)>;
  FakeQueue(Log* log, Node node) : log_(log), node_(std::move(node)) {}

  Result<std::string> Start(const std::string& dir, int tasks) override {
    if (refusals > 0 && --refusals >= 0) return Error{refusal_code, "no"};
    const std::string folder = Dirname(Dirname(dir));
    log_->arrays.emplace_back();
    for (int i = 0; i < tasks; ++i) {
      auto task = DecodeTask(*ReadFile(TaskPath(dir, i)));
      EXPECT_TRUE(task.ok());
      log_->arrays.back().push_back(task->jobs.size());
      for (const EvalJob& job : task->jobs) {
        const std::string key = JobKey(task->problem, job), path = ResultPath(folder, key);
        if (FileExists(path)) continue;
        EXPECT_TRUE(MakeDirs(Dirname(path)).ok());
        if (node_(folder, key, job, log_->evaluated++)) EXPECT_TRUE(WriteFileAtomic(path, EncodeResult(key, Honest(job))).ok());
      }
      if (!failure.empty()) EXPECT_TRUE(WriteFileAtomic(FailurePath(dir, i), EncodeFailure({kExitNoSandbox, failure})).ok());
    }
    return std::to_string(log_->arrays.size());
  }
  Result<std::map<std::string, BatchTaskState>> Tasks() override {
    if (silent) return Error{kExitIo, "silence"};
    std::map<std::string, BatchTaskState> tasks;
    for (size_t id = 1; id <= log_->arrays.size(); ++id)
      for (size_t i = 0; i < log_->arrays[id - 1].size(); ++i) tasks[std::to_string(id) + "_" + std::to_string(i)] = {.running = running, .over = never.empty() && !running, .state = "NODE_FAIL on n1", .never = never};
    return tasks;
  }
  void Cancel(const std::string&) override {}
  void CancelAll() override { ++log_->cancelled_all; }

  int refusals = 0, refusal_code = kExitIo;
  std::string failure, never;
  bool running = false;
  std::atomic<bool> silent = false;

 private:
  Log* log_;
  Node node_;
};

bool Works(const std::string&, const std::string&, const EvalJob&, int) { return true; }

class ClusterEvaluatorTest : public testing::Test {
 protected:
  void SetUp() override {
    auto dir = TempDir::Make("cluster");
    ASSERT_TRUE(dir.ok());
    dir_.emplace(std::move(*dir));
    options_.linger = Nanos::Millis(30);
    options_.look = options_.poll = options_.grace = Nanos::Millis(5);
  }
  std::unique_ptr<FakeQueue> Queue(FakeQueue::Node node = Works) { return std::make_unique<FakeQueue>(&log_, std::move(node)); }
  std::unique_ptr<Evaluator> Make(std::unique_ptr<BatchQueue> queue) {
    auto folder = ClusterFolder::Open(dir_->path() + "/shared", false);
    EXPECT_TRUE(folder.ok());
    auto e = ClusterEvaluator::Create(std::make_unique<NoEvaluator>(), std::move(queue), std::move(*folder), options_);
    EXPECT_TRUE(e.ok());
    return std::move(*e);
  }
  static EvalJob Job(const std::string& source, std::vector<uint64_t> seeds = {10, 20}) {
    return {.source = source, .file = "p.cc", .seeds = std::move(seeds), .skeleton_of = {}};
  }
  std::optional<TempDir> dir_;
  Log log_;
  ClusterOptions options_;
};

TEST_F(ClusterEvaluatorTest, BatchesWhatComesTogetherAndScoresIt) {
  options_.batch = 2;
  options_.linger = Nanos::Millis(300);
  auto e = Make(Queue());
  std::vector<std::future<Evaluation>> futures;
  for (const char* source : {"a", "b", "c", "d", "e"}) futures.push_back(e->Submit(Job(source)));
  for (auto& f : futures) {
    const Evaluation got = f.get();
    ASSERT_EQ(got.outcome, Outcome::kOk) << got.diagnosis;
    EXPECT_THAT(got.Scores(), Near({10, 20}));
  }
  EXPECT_EQ(log_.arrays, (std::vector<std::vector<size_t>>{{2, 2, 1}}));
  e.reset();
  EXPECT_TRUE(std::filesystem::is_empty(dir_->path() + "/shared/batches"));
}

TEST_F(ClusterEvaluatorTest, TheSameQuestionCostsNothingAlsoLater) {
  for (int process = 0; process < 2; ++process) {
    auto e = Make(Queue());
    auto first = e->Submit(Job("a")), second = e->Submit(Job("a"));
    EXPECT_EQ(first.get().Scores(), second.get().Scores());
    EXPECT_EQ(e->Evaluate(Job("a")).object_hash, "object");
  }
  EXPECT_EQ(log_.evaluated, 1);
  auto e = Make(Queue());
  e->Evaluate(Job("a", {10}));
  EXPECT_EQ(log_.evaluated, 2);
}

TEST_F(ClusterEvaluatorTest, MoreSeedsCostOnlyWhatIsNew) {
  auto e = Make(Queue([](const std::string&, const std::string&, const EvalJob& job, int n) {
    if (n == 1) EXPECT_EQ(job.seeds, (std::vector<uint64_t>{30}));
    return true;
  }));
  e->Evaluate(Job("a"));
  EXPECT_THAT(e->Evaluate(Job("a", {20, 30, 10})).Scores(), Near({20, 30, 10}));
  EvalJob quick = Job("a", {10, 20, 40});
  quick.quick_seeds = 2;
  quick.quick_score = 16;
  EXPECT_THAT(e->Evaluate(quick).Scores(), Near({10, 20}));  // not better than that: known without asking
  EXPECT_EQ(log_.evaluated, 2);
  quick.quick_score = 15;
  EXPECT_THAT(e->Evaluate(quick).Scores(), Near({10, 20, 40}));
  EXPECT_EQ(log_.evaluated, 3);
}

TEST_F(ClusterEvaluatorTest, ATaskThatVanishesIsRepeatedForWhatItOwes) {
  auto e = Make(Queue([](const std::string&, const std::string&, const EvalJob&, int n) { return n != 1 && n != 2; }));
  std::vector<std::future<Evaluation>> futures;
  for (const char* source : {"a", "b", "c"}) futures.push_back(e->Submit(Job(source)));
  for (auto& f : futures) EXPECT_EQ(f.get().outcome, Outcome::kOk);
  EXPECT_EQ(log_.evaluated, 5);
  EXPECT_EQ(log_.arrays, (std::vector<std::vector<size_t>>{{3}, {1, 1}}));  // each alone
}

TEST_F(ClusterEvaluatorTest, GivesUpWithTheReason) {
  auto e = Make(Queue([](const std::string&, const std::string&, const EvalJob&, int) { return false; }));
  const Evaluation got = e->Evaluate(Job("a"));
  EXPECT_EQ(got.outcome, Outcome::kInternal);
  EXPECT_NE(got.diagnosis.find("NODE_FAIL on n1"), std::string::npos) << got.diagnosis;
  EXPECT_NE(got.diagnosis.find("tried 3 times"), std::string::npos) << got.diagnosis;
  EXPECT_EQ(e->ExitCode(got), kExitNoCluster);
  EXPECT_EQ(log_.evaluated, 3);
}

TEST_F(ClusterEvaluatorTest, BelievesNoTornForgedOrForeignResult) {
  for (int kind = 0; kind < 5; ++kind) {
    log_ = {};
    auto e = Make(Queue([kind](const std::string& folder, const std::string& key, const EvalJob& job, int n) {
      if (n > 0) return true;
      Evaluation lie = Honest(job);
      std::string text;
      if (kind == 0) text = EncodeResult(key, lie).substr(0, 100);
      if (kind == 1) text = EncodeResult(std::string(64, '0'), lie);
      if (kind == 2) lie.seeds[0].metrics["throughput"] = 101;  // beyond the bound
      if (kind == 3) lie.seeds.pop_back();
      if (kind == 4) lie.outcome = Outcome::kInternal;
      if (text.empty()) text = EncodeResult(key, lie);
      EXPECT_TRUE(WriteFileAtomic(ResultPath(folder, key), text).ok());
      return false;
    }));
    const Evaluation got = e->Evaluate(Job("kind" + std::to_string(kind)));
    EXPECT_EQ(got.outcome, Outcome::kOk) << kind << got.diagnosis;
    EXPECT_THAT(got.Scores(), Near({10, 20})) << kind;
    EXPECT_EQ(log_.evaluated, 2) << kind;
  }
}

TEST_F(ClusterEvaluatorTest, ANodeSaysWhyItCannot) {
  auto queue = Queue([](const std::string&, const std::string&, const EvalJob&, int) { return false; });
  queue->failure = "node n1: no sandbox";
  queue->silent = true;
  auto e = Make(std::move(queue));
  const Evaluation got = e->Evaluate(Job("a"));
  EXPECT_EQ(got.diagnosis, "node n1: no sandbox (tried 3 times)");
  EXPECT_EQ(e->ExitCode(got), kExitNoSandbox);
}

TEST_F(ClusterEvaluatorTest, AsksAQueueThatIsAwayAgainButNotOneThatRefuses) {
  auto away = Queue();
  away->refusals = 2;
  EXPECT_EQ(Make(std::move(away))->Evaluate(Job("a")).outcome, Outcome::kOk);
  auto refuses = Queue();
  refuses->refusals = 1;
  refuses->refusal_code = kExitNoCluster;
  auto e = Make(std::move(refuses));
  const Evaluation got = e->Evaluate(Job("b"));
  EXPECT_EQ(got.diagnosis, "no");
  EXPECT_EQ(e->ExitCode(got), kExitNoCluster);
}

TEST_F(ClusterEvaluatorTest, SaysWhenATaskWillNeverStart) {
  auto queue = Queue([](const std::string&, const std::string&, const EvalJob&, int) { return false; });
  queue->never = "PartitionTimeLimit";
  const Evaluation got = Make(std::move(queue))->Evaluate(Job("a"));
  EXPECT_EQ(got.outcome, Outcome::kInternal);
  EXPECT_NE(got.diagnosis.find("PartitionTimeLimit"), std::string::npos);
  EXPECT_EQ(log_.evaluated, 1);
}

TEST_F(ClusterEvaluatorTest, ANodeThatFallsSilentIsDead) {
  options_.silence = Nanos::Millis(30);
  auto queue = Queue([](const std::string&, const std::string&, const EvalJob&, int n) { return n > 0; });
  queue->running = true;
  EXPECT_EQ(Make(std::move(queue))->Evaluate(Job("a")).outcome, Outcome::kOk);
  EXPECT_EQ(log_.evaluated, 2);
}

TEST_F(ClusterEvaluatorTest, CancelsWhatIsUnderWay) {
  auto queue = Queue([](const std::string&, const std::string&, const EvalJob&, int) { return false; });
  queue->silent = true;
  std::future<Evaluation> future;
  {
    auto e = Make(std::move(queue));
    const int before = log_.cancelled_all;
    EXPECT_EQ(before, 1);  // what a killed process left
    future = e->Submit(Job("a"));
  }
  EXPECT_EQ(future.get().diagnosis, "stopped");
  EXPECT_GE(log_.cancelled_all, 1);
}

TEST(ClusterFolder, IsOfOneProcessAtATime) {
  auto dir = TempDir::Make("cluster");
  ASSERT_TRUE(dir.ok());
  auto folder = ClusterFolder::Open(dir->path() + "/f", true);
  ASSERT_TRUE(folder.ok());
  std::error_code error;
  EXPECT_EQ(std::filesystem::status(folder->path() + "/results", error).permissions(), std::filesystem::perms::owner_all);
  { const ClusterFolder gone = std::move(*folder); }
  EXPECT_FALSE(FileExists(dir->path() + "/f"));
  ASSERT_TRUE(WriteFileAtomic(dir->path() + "/file", "").ok());
  auto refused = ClusterFolder::Open(dir->path() + "/file", false);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("--slurm-folder"), std::string::npos) << refused.error().message;
}

}  // namespace
}  // namespace ose
