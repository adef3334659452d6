// SlurmQueue: a BatchQueue of Slurm's own commands (sbatch, squeue, scancel; their man pages of 22.05).
//
// All of a queue's jobs have one name, by which they are listed and cancelled, also those that an earlier process left.
// No accounting database (slurmdbd) is needed.
//
// Nodes get none of this process's environment but `env`. One thread.
#ifndef OSEVOLVE_CLUSTER_SLURM_QUEUE_H_
#define OSEVOLVE_CLUSTER_SLURM_QUEUE_H_

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "cluster/batch_queue.h"

namespace ose {

struct SlurmOptions {
  std::string job_name;    // of nobody else's jobs
  std::string program;     // osevolve, by its path on the nodes
  std::string partition;   // "": the cluster's default
  int minutes = 0;         // time limit of a task; 0: the partition's
  std::vector<std::string> env;  // "NAME=value": all that sbatch and the nodes get
};

class SlurmQueue : public BatchQueue {
 public:
  // That Slurm is there and takes such jobs; kExitNoCluster says what to do.
  static Status Check(const SlurmOptions& options);
  explicit SlurmQueue(SlurmOptions options) : options_(std::move(options)) {}

  // Starts a process that cancels all when `lock`, a file that this process has locked (flock), is released: also
  // after kill -9, no job is left.
  void CancelWhenReleased(const std::string& lock) const;

  Result<std::string> Start(const std::string& batch_dir, int tasks) override;
  Result<std::map<std::string, BatchTaskState>> Tasks() override;
  void Cancel(const std::string& task) override;
  void CancelAll() override;

 private:
  std::vector<std::string> Sbatch() const;
  Result<std::string> Run(std::vector<std::string> argv, const std::string& input, Nanos limit) const;
  const SlurmOptions options_;
};

// Of `squeue --noheader --array --states=all --format=%i|%T|%N|%r`.
std::map<std::string, BatchTaskState> ParseSqueue(const std::string& text);
// sbatch's words with what to do about them.
Error SbatchError(const SlurmOptions& options, const std::string& words);

}  // namespace ose

#endif  // OSEVOLVE_CLUSTER_SLURM_QUEUE_H_
