// The worker: runs candidates. The server process itself never loads generated code; it parses
// workloads once and forks a sandboxed child for every run, so that a run costs a fork and no
// parsing, and a candidate that crashes or hangs takes only its child with it.
//
// Protocol: core/worker_protocol.h.
#ifndef OSEVOLVE_WORKER_SERVER_H_
#define OSEVOLVE_WORKER_SERVER_H_

#include <optional>
#include <string>

#include "core/worker_protocol.h"
#include "native/native_policy.h"
#include "sim/simulate.h"
#include "workload/machine.h"
#include "workload/workload.h"

namespace ose {

class WorkerServer {
 public:
  // Serves until `in` ends. Returns the process's exit code.
  int Serve(int in, int out);

  Status Load(const WorkerLoad& load);
  WorkerReply Run(const WorkerRun& run);

 private:
  struct Slot {
    Workload workload;
    Machine machine;
  };
  static SimResult RunOnce(const Slot& slot, const NativePolicy& policy, uint64_t seed, const WorkerStep& step, WorkerSeed& result);
  // In the child; returns what the parent shall report.
  WorkerReply RunSteps(const WorkerRun& run, int result_fd);

  std::optional<Slot> slots_[kMaxWorkerSlots];
};

}  // namespace ose

#endif  // OSEVOLVE_WORKER_SERVER_H_
