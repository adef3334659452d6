// Workloads and machines from texts of strangers, as bundles have them: a text that names another file (values_file,
// quantiles_file) is an error, for whoever sends it must not have files of this machine read. All else as ParseWorkload
// and ParseMachine.
#ifndef OSEVOLVE_WORKLOAD_ALONE_H_
#define OSEVOLVE_WORKLOAD_ALONE_H_

#include <string>
#include <string_view>

#include "base/result.h"
#include "workload/machine.h"
#include "workload/workload.h"

namespace ose {

Result<Workload> ParseWorkloadAlone(std::string_view text, const std::string& file);
Result<Machine> ParseMachineAlone(std::string_view text, const std::string& file);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_ALONE_H_
