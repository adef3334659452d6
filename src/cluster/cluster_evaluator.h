// ClusterEvaluator: an Evaluator on the nodes of a cluster, behind a BatchQueue.
//
// Jobs that come close together are batched into tasks, tasks into arrays. A task is `osevolve eval-batch` on a node; it
// writes the result of each job under the hash of its content into a folder that both sides see (cluster/job_files.h),
// and that is all that is believed of it: not that it ran, nor where, nor how it ended. So a job that is asked
// again, also by a later process, costs nothing; a task that vanished is repeated for its missing jobs only.
//
// A result is checked as a worker's is (eval/reply_check.h), and its scores are computed here.
#ifndef OSEVOLVE_CLUSTER_CLUSTER_EVALUATOR_H_
#define OSEVOLVE_CLUSTER_CLUSTER_EVALUATOR_H_

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "base/time.h"
#include "cluster/batch_queue.h"
#include "cluster/cluster_folder.h"
#include "eval/evaluator.h"

namespace ose {

struct ClusterOptions {
  std::string engine;     // EngineHash
  int batch = 8;          // jobs of a task at most
  int array = 1000;       // tasks of an array at most; Slurm's MaxArraySize is 1001 unless set
  int attempts = 3;       // of a job, until it is given up
  Nanos linger = Nanos::Millis(250);  // for how long the first job of a batch waits for others
  Nanos look = Nanos::Millis(100);    // between looks for results
  Nanos poll = Nanos::Seconds(1);     // between questions to the queue
  Nanos grace = Nanos::Seconds(10);   // for which a task that is over may owe results: shared folders lag
  Nanos silence = Nanos::Seconds(60);  // of a task that runs, after which its node is taken for dead
  Nanos patience = Nanos::Seconds(600);  // for which a queue that does not answer is asked again
};

class ClusterEvaluator : public Evaluator {
 public:
  // `local` has the options of the problem and does what is not worth a task: SubmitProfile and SubmitWatched.
  // kExitIo.
  static Result<std::unique_ptr<Evaluator>> Create(std::unique_ptr<Evaluator> local, std::unique_ptr<BatchQueue> queue,
                                                   ClusterFolder folder, ClusterOptions options);
  // Cancels what is under way.
  ~ClusterEvaluator() override;

  std::future<Evaluation> Submit(EvalJob job) override;
  std::future<Result<ScheduleProfile>> SubmitProfile(std::string source, std::string file, uint64_t seed) override;
  std::future<Result<std::vector<WorkerSeed>>> SubmitWatched(std::string source, std::string file, std::vector<uint64_t> seeds,
                                                             Watch watch) override;
  int ExitCode(const Evaluation& evaluation) override;
  const EvaluatorOptions& options() const override { return local_->options(); }

 private:
  // Whoever waits for a job: the seeds that it asked for, and those of them that were known.
  struct Asker {
    std::promise<Evaluation> promise;
    std::vector<uint64_t> seeds;
    std::map<uint64_t, SeedResult> known;
  };
  struct Job {
    std::string key;
    EvalJob job;
    std::vector<Asker> askers;
    int attempts = 0;
    Error why = {};  // the last attempt failed
  };
  using JobPtr = std::shared_ptr<Job>;
  struct Task {  // under way
    std::string batch_dir;
    int index = 0;
    std::vector<JobPtr> missing;
    Nanos over_since = Nanos::Max(), alive_at = Nanos::Max();
    std::string heartbeat, state;
  };

  ClusterEvaluator(std::unique_ptr<Evaluator> local, std::unique_ptr<BatchQueue> queue, ClusterFolder folder, ClusterOptions options)
      : options_(options), local_(std::move(local)), queue_(std::move(queue)), folder_(std::move(folder)) {}
  void ThreadMain();
  bool TakeNew();      // false: stop
  void StartTasks();
  void StartArray(std::vector<std::vector<JobPtr>> tasks);
  void Look();
  void Poll();
  bool IsSilent(Task& task) const;
  void TaskIsOver(const std::string& id, Task& task, const Error& why);
  bool HasResult(Job& job);  // true when it is answered
  // Why a result cannot be of the job; "" when it can.
  std::string Check(const EvalJob& job, Evaluation* evaluation) const;
  // With the lock. Moves the seeds that are known out of the job into `known`; the answer if that is all.
  std::optional<Evaluation> TakeKnown(EvalJob* job, std::map<uint64_t, SeedResult>* known) const;
  void Answer(Job& job, const Evaluation& evaluation);
  void GiveUp(Job& job);
  void Forget(std::string batch_dir);

  const ClusterOptions options_;
  const std::unique_ptr<Evaluator> local_;
  const std::unique_ptr<BatchQueue> queue_;
  const ClusterFolder folder_;
  std::string problem_;  // its hash

  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::deque<std::pair<std::string, JobPtr>> new_;
  std::map<std::string, JobPtr> open_;  // by key
  // What is known of candidates by seed, of the last ones: more seeds of the same cost only what is new.
  std::map<std::string, std::map<uint64_t, SeedResult>> known_;
  std::map<std::string, std::string> objects_;  // their object hashes
  std::deque<std::string> known_order_;
  std::map<std::string, int> failures_;  // exit codes by diagnosis
  bool stopping_ = false;

  // Of the thread.
  std::deque<JobPtr> waiting_;
  Nanos waiting_since_ = Nanos::Max();
  std::map<std::string, Task> tasks_;  // by the queue's name
  std::map<std::string, int> batches_;  // tasks that are not over, by folder
  Nanos next_poll_{}, next_listen_{}, next_start_{}, trouble_since_ = Nanos::Max();
  int next_batch_ = 0;

  std::thread thread_;
};

}  // namespace ose

#endif  // OSEVOLVE_CLUSTER_CLUSTER_EVALUATOR_H_
