// Candidate: a policy on its way through evolution.
#ifndef OSEVOLVE_CORE_CANDIDATE_H_
#define OSEVOLVE_CORE_CANDIDATE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/metrics.h"

namespace ose {

// Values for TUNABLEs that differ from the source's defaults.
using Tunables = std::map<std::string, int64_t>;

// "NAME=NUMBER" each, as --set takes them; kExitUsage.
Result<Tunables> ParseSettings(const std::vector<std::string>& settings);

// How an evaluation of a candidate ended. The order is that of the pipeline.
enum class Outcome {
  kOk,
  kGate,     // refused before compiling: outside its evolve blocks or the portable subset
  kCompile,  // the compiler or linker refused it
  kVerifier, // the kernel refused it (a measurement on a kernel)
  kCrash,    // signal in the worker
  kTimeout,  // limit of CPU time, wall time or simulator events
  kMemory,   // memory limit
  kRule,     // sched_ext contract broken (checked mode)
  kStall,    // a runnable task starved past the watchdog
  kStuck,    // the workload cannot finish under any policy (its own deadlock)
  kSandbox,  // a forbidden system call
  kInternal, // the host failed, not the candidate
};
const char* OutcomeName(Outcome o);
std::optional<Outcome> OutcomeFromName(std::string_view name);
int OutcomeExitCode(Outcome o);

// Result of one seed.
struct SeedResult {
  uint64_t seed = 0;
  Metrics metrics;
  double score = 0;  // core/score.h; 0 unless the run succeeded
};

// Result of evaluating one policy on a list of seeds.
struct Evaluation {
  Outcome outcome = Outcome::kOk;
  std::string diagnosis;    // why not ok, in words that a person or the next prompt can use
  std::string object_hash;  // SHA-256 of the object code; "" when it did not compile
  std::vector<SeedResult> seeds;  // in the order asked for
  double MeanScore() const;
  std::vector<double> Scores() const;
  uint64_t MostSimEvents() const;  // of one seed; 0: not simulated
};

}  // namespace ose

#endif  // OSEVOLVE_CORE_CANDIDATE_H_
