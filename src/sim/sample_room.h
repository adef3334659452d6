// How many samples a run will take, so that room for them is made before it begins.
#ifndef OSEVOLVE_SIM_SAMPLE_ROOM_H_
#define OSEVOLVE_SIM_SAMPLE_ROOM_H_

#include <cstddef>
#include <vector>

#include "workload/workload.h"

namespace ose {

struct SampleRoom {
  size_t events = 0, wakeups = 0;
};

// For each group an estimate from above of what it gives on so many CPUs. All together at most 32 MiB
// (what a candidate may use is bounded); room that turns out too small grows. O(operations).
std::vector<SampleRoom> RoomForSamples(const Workload& workload, int cpus);

}  // namespace ose

#endif  // OSEVOLVE_SIM_SAMPLE_ROOM_H_
