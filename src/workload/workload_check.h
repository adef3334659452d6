// What a workload must fulfil beyond the syntax of its file: names that exist, programs that are
// balanced and make progress, objectives that it can have.
#ifndef OSEVOLVE_WORKLOAD_WORKLOAD_CHECK_H_
#define OSEVOLVE_WORKLOAD_WORKLOAD_CHECK_H_

#include <string>

#include "base/result.h"
#include "workload/workload.h"

namespace ose {

// Where the parts of a workload stand in its file, for errors. Line 0 = unknown; this base class
// knows none. Indices are those of the workload's lists; `key` is a key of that table.
class WorkloadPlaces {
 public:
  virtual ~WorkloadPlaces() = default;
  virtual std::string File() const { return "workload"; }
  virtual int Top(const char* /*key*/) const { return 0; }
  virtual int Group(size_t /*group*/, const char* /*key*/) const { return 0; }
  virtual int Operation(size_t /*group*/, size_t /*op*/) const { return 0; }
  virtual int Objective(size_t /*objective*/) const { return 0; }
  virtual int Barrier(size_t /*barrier*/) const { return 0; }
};

Status CheckWorkload(const Workload& workload, const WorkloadPlaces& places);

// Where an operation of a group stands in its file (LoadWorkload), for what is found when the workload runs;
// 0 when that cannot be told. `op` counts as Group::program does. Reads the file again.
int OperationLine(const std::string& path, const std::string& group, size_t op);

// Tasks that name each barrier: its parties unless the file says otherwise.
std::vector<int64_t> BarrierTasks(const Workload& workload);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_WORKLOAD_CHECK_H_
