// Clients of the two helper processes: osevolve-gate (checks sources) and osevolve-worker (runs
// objects). Each owns its process and starts it again after it died.
//
// Use each from one thread only, the one that made the first call: the process dies with it.
#ifndef OSEVOLVE_EVAL_CLIENTS_H_
#define OSEVOLVE_EVAL_CLIENTS_H_

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/subprocess.h"
#include "core/gate_protocol.h"
#include "core/worker_protocol.h"

namespace ose {

// A server process that answers one frame with one frame.
class FrameServer {
 public:
  // `temp_dir`: where its temporary files go, as it is killed rather than asked to end; "": none.
  explicit FrameServer(std::vector<std::string> argv, std::string temp_dir = "")
      : argv_(std::move(argv)), temp_dir_(std::move(temp_dir)) {}
  // Starts the process if need be. After an error the process is gone and the next call makes a
  // new one; `restarted` tells the caller to set it up again.
  Result<std::string> Call(const std::string& request, uint64_t max_reply, Nanos timeout);
  bool running() const { return process_.has_value(); }
  Status Start();

 private:
  Error WhyItEnded();  // the process, in its own words
  std::vector<std::string> argv_;
  std::string temp_dir_;
  std::optional<Subprocess> process_;
};

class GateClient {
 public:
  GateClient(const std::string& program, const std::string& include_dir, const std::string& temp_dir)
      : server_({program, include_dir}, temp_dir) {}
  Result<GateResponse> Check(const GateRequest& request);

 private:
  FrameServer server_;
};

class WorkerClient {
 public:
  // `slots` are loaded into every process that is started.
  WorkerClient(const std::string& program, std::vector<WorkerLoad> slots) : server_({program}), slots_(std::move(slots)) {}
  Result<WorkerReply> Run(const WorkerRun& run);
  // Has this workload and machine in its slot from now on.
  Status Use(const WorkerLoad& slot);

 private:
  Status Load(const WorkerLoad& slot);
  Status Prepare();
  FrameServer server_;
  std::vector<WorkerLoad> slots_;
};

}  // namespace ose

#endif  // OSEVOLVE_EVAL_CLIENTS_H_
