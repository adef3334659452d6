// Replicate: independent replications of simulated runs, in the sandboxed worker processes that `osevolve
// eval` uses, several at a time. What comes out depends on the seeds alone, not on the number of jobs.
#ifndef OSEVOLVE_VALIDATE_REPLICATE_H_
#define OSEVOLVE_VALIDATE_REPLICATE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/candidate.h"
#include "workload/machine.h"
#include "workload/workload.h"

namespace ose {

// One simulation but for its seed.
struct SimRun {
  std::string policy;     // its name
  Tunables tunables = {};  // that differ from its defaults
  Workload workload = {};
  Machine machine = {};
};

// All runs of a plan are made on each of its seeds (common random numbers). At most kMaxWorkerSlots runs.
struct ReplicationPlan {
  std::string name;  // for progress and errors
  std::vector<SimRun> runs;
  std::vector<uint64_t> seeds;
};

struct Replication {
  uint64_t seed = 0;
  std::vector<Metrics> runs;  // of each run of the plan
};

struct ReplicateOptions {
  std::string include_dir, program_dir;         // as EvaluatorOptions
  std::map<std::string, std::string> policies;  // name -> source
  int jobs = 2;
  std::function<void(const std::string&)> progress = [](const std::string&) {};  // from one thread at a time
  const std::atomic<bool>* stop = nullptr;      // ends it with kExitInterrupted, after the runs in progress
};

// Replications of each plan, in the order of its seeds. The first failure of a run ends all.
Result<std::vector<std::vector<Replication>>> Replicate(const std::vector<ReplicationPlan>& plans, const ReplicateOptions& options);

}  // namespace ose

#endif  // OSEVOLVE_VALIDATE_REPLICATE_H_
