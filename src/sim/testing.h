// Helpers for tests that run simulations.
#ifndef OSEVOLVE_SIM_TESTING_H_
#define OSEVOLVE_SIM_TESTING_H_

#include <string>
#include <vector>

#include "sim/kernel.h"
#include "workload/machine.h"
#include "workload/workload.h"

namespace ose {

// What the CPUs' accounts say at the end.
class Accounts : public ScheduleObserver {
 public:
  void OnEnd(const Kernel& kernel) override {
    end = kernel.now();
    for (int c = 0; c < kernel.machine().cpus; ++c) totals.push_back(kernel.totals(c));
  }
  Nanos Sum(Nanos CpuTotals::* field) const {
    Nanos sum{0};
    for (const CpuTotals& t : totals) sum += t.*field;
    return sum;
  }
  Nanos end{0};
  std::vector<CpuTotals> totals;
};

inline std::string ShippedPolicy(const std::string& name) { return std::string(OSE_BINARY_DIR) + "/policies/" + name + ".so"; }
inline std::string TestPolicy(const std::string& name) { return std::string(OSE_BINARY_DIR) + "/tests/policies/" + name + ".so"; }

inline Op RunOp(Nanos d) { return {.kind = OpKind::kRun, .ns = d.v}; }
inline Op SleepOp(Nanos d) { return {.kind = OpKind::kSleep, .ns = d.v}; }

}  // namespace ose

#endif  // OSEVOLVE_SIM_TESTING_H_
