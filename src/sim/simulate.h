// Simulate: one run of a workload under a policy on a modelled machine.
//
// Deterministic: the result is a function of the arguments alone, to the byte, on every
// machine. No wall clock, no globals but the C ABI's thread-local, no allocation once the run
// has begun except for metric samples.
#ifndef OSEVOLVE_SIM_SIMULATE_H_
#define OSEVOLVE_SIM_SIMULATE_H_

#include <cstdint>
#include <string>

#include "core/candidate.h"
#include "core/metrics.h"
#include "native/native_policy.h"
#include "workload/machine.h"
#include "workload/workload.h"

namespace ose {

class ScheduleObserver;

struct SimOptions {
  bool checked = false;  // verify the simulator's own invariants as well (slower)
  uint64_t max_events = 0;  // more than these end the run with Outcome::kTimeout, on every machine alike; 0: no limit
  ScheduleObserver* observer = nullptr;  // sees the run and changes nothing in it
};

struct SimResult {
  Outcome outcome = Outcome::kOk;
  std::string diagnosis;      // names task, CPU, time and rule when not ok
  Metrics metrics;            // only when ok
  uint64_t events = 0;        // simulator events processed
  uint64_t counters[64] = {}; // the policy's count() calls
};

// The policy's tunables are used as they are set. The caller's thread runs the policy's code.
SimResult Simulate(const Workload& workload, const Machine& machine, const NativePolicy& policy, uint64_t seed,
                   const SimOptions& options = {});

}  // namespace ose

#endif  // OSEVOLVE_SIM_SIMULATE_H_
