// BatchQueue: what ClusterEvaluator needs of a batch system: arrays of tasks that run elsewhere, some time.
#ifndef OSEVOLVE_CLUSTER_BATCH_QUEUE_H_
#define OSEVOLVE_CLUSTER_BATCH_QUEUE_H_

#include <map>
#include <string>

#include "base/result.h"

namespace ose {

struct BatchTaskState {
  bool running = false;
  bool over = false;  // it ended or is being cleaned up after
  bool failed = false;  // over, and not as it should: no result is on its way
  std::string state;  // in the batch system's words, with the node if it has one: "NODE_FAIL on n1"
  std::string never;  // why it will never start as things are; "": it may
};

class BatchQueue {
 public:
  virtual ~BatchQueue() = default;

  // Runs `osevolve eval-batch BATCH_DIR I` for I in [0, tasks), each on a CPU somewhere; the id of the array.
  // kExitNoCluster when trying again would not help, else kExitIo.
  virtual Result<std::string> Start(const std::string& batch_dir, int tasks) = 0;

  // Of this queue's tasks by "ID_I". One that is not in it is over. An error says nothing about them.
  virtual Result<std::map<std::string, BatchTaskState>> Tasks() = 0;

  // Ends a task ("ID_I"), and all tasks; at once as far as it can, harmless for what is over.
  virtual void Cancel(const std::string& task) = 0;
  virtual void CancelAll() = 0;
};

}  // namespace ose

#endif  // OSEVOLVE_CLUSTER_BATCH_QUEUE_H_
