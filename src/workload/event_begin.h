// How the events of a workload begin, as far as its programs alone decide it.
#ifndef OSEVOLVE_WORKLOAD_EVENT_BEGIN_H_
#define OSEVOLVE_WORKLOAD_EVENT_BEGIN_H_

#include <span>

#include "workload/workload.h"

namespace ose {

// Whether the events of groups are released at one instant, one for each task, under every policy.
enum class Together {
  kNo,
  kAtZero,     // iterations of tasks that start at time 0
  kAtBarrier,  // each right after one barrier, which all who use it pass once
};
// Of a run to completion. `groups` are indices; not empty.
Together EventsTogether(const Workload& workload, std::span<const int> groups);

// Whether every event of a group begins with a switch to its task: right after the task started
// or certainly slept.
bool BeginsWithSwitch(const Group& group);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_EVENT_BEGIN_H_
