// Helpers for tests that run simulations.
#ifndef OSEVOLVE_SIM_TESTING_H_
#define OSEVOLVE_SIM_TESTING_H_

#include <string>

#include "workload/workload.h"

namespace ose {

inline std::string ShippedPolicy(const std::string& name) { return std::string(OSE_BINARY_DIR) + "/policies/" + name + ".so"; }
inline std::string TestPolicy(const std::string& name) { return std::string(OSE_BINARY_DIR) + "/tests/policies/" + name + ".so"; }

inline Op RunOp(Nanos d) { return {.kind = OpKind::kRun, .ns = d.v}; }
inline Op SleepOp(Nanos d) { return {.kind = OpKind::kSleep, .ns = d.v}; }

}  // namespace ose

#endif  // OSEVOLVE_SIM_TESTING_H_
