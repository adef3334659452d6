// What the evaluator says to osevolve-worker and what it answers: frames (base/frame.h) of JSON
// over the worker's stdin and stdout, one answer per request, in order, until stdin ends.
//
//   load  {"load": {"slot": 0, "workload": TEXT, "machine": TEXT}}
//         Parses and keeps a workload and machine under a slot (0..7).
//     ->  {"ok": true} or {"ok": false, "code": N, "error": "..."}
//   run   {"run": {"object": PATH, "tunables": {NAME: INT}, "steps": [{"slot": 0, "checked": false,
//          "report": true, "profile": false, "seeds": [N, ...], "max_events": N, "log": {"from_ns": N,
//          "to_ns": N, "max_events": N}, "distributions": [NAME, ...]}], "cpu_ms": N, "wall_ms": N,
//          "memory_mb": N}}
//         Forks a sandboxed child, loads the object there and simulates the steps in order.
//     ->  {"outcome": NAME, "diagnosis": "...", "cpu_ms": X, "results": [{"seed": "N",
//          "metrics": {NAME: X}, "counters": [N, ...], "profile": {...}, "log": {...},
//          "distributions": {NAME: {"count": N, "values": [X, ...]}}}]}
//         results: of the steps with report, in order; complete only when the outcome is ok.
//         profile (core/schedule_profile.h), log (core/schedule_log.h), distributions (core/distribution.h):
//         of the steps that ask for them; leaving them out does not.
// Numbers are JSON numbers that survive the trip to the last bit; seeds are strings, since JSON
// readers may not hold 64 bits.
#ifndef OSEVOLVE_CORE_WORKER_PROTOCOL_H_
#define OSEVOLVE_CORE_WORKER_PROTOCOL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "core/candidate.h"
#include "core/distribution.h"
#include "core/schedule_log.h"
#include "core/schedule_profile.h"

namespace ose {

inline constexpr uint64_t kMaxWorkerFrame = 1ull << 30;  // a request: recorded workloads are long
inline constexpr uint64_t kMaxWorkerReply = 64ull << 20;  // a candidate may have written it
inline constexpr int kMaxWorkerSlots = 8;

struct WorkerLoad {
  int slot = 0;
  std::string workload, machine;
};

// What is to be seen of a run besides its metrics.
struct Watch {
  // One of the three.
  bool profile = false;
  std::optional<ScheduleLogOptions> log = {};
  std::vector<std::string> distributions = {};  // names as in Distributions
};

struct WorkerStep {
  int slot = 0;
  bool checked = false;
  bool report = true;
  std::vector<uint64_t> seeds;
  Watch watch = {};  // of each seed; needs report
  uint64_t max_events = 0;  // of each seed (SimOptions); 0: no limit
};

// Ends the diagnosis of a failure in a step that is not reported.
inline constexpr char kTortureNote[] = " (in the torture run)";

struct WorkerLimits {
  int64_t cpu_ms = 20'000, wall_ms = 60'000, memory_mb = 1024;
};

struct WorkerRun {
  std::string object;  // absolute path
  Tunables tunables;
  std::vector<WorkerStep> steps;
  WorkerLimits limits;
};

struct WorkerSeed {
  uint64_t seed = 0;
  Metrics metrics;
  std::vector<uint64_t> counters;
  std::optional<ScheduleProfile> profile;
  std::optional<ScheduleLog> log = {};
  Distributions distributions = {};
};

struct WorkerReply {
  Outcome outcome = Outcome::kOk;
  std::string diagnosis;
  double cpu_ms = 0;
  std::vector<WorkerSeed> results;
};

std::string EncodeLoad(const WorkerLoad& load);
std::string EncodeRun(const WorkerRun& run);
Result<std::variant<WorkerLoad, WorkerRun>> DecodeWorkerRequest(std::string_view json);

std::string EncodeLoadReply(const Status& status);
Status DecodeLoadReply(std::string_view json);
std::string EncodeReply(const WorkerReply& reply);
// The diagnosis becomes one line without control characters.
Result<WorkerReply> DecodeReply(std::string_view json);

}  // namespace ose

#endif  // OSEVOLVE_CORE_WORKER_PROTOCOL_H_
