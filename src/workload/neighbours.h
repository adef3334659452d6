// Neighbours: workloads near a given one, to see whether what was found for it holds beyond it.
#ifndef OSEVOLVE_WORKLOAD_NEIGHBOURS_H_
#define OSEVOLVE_WORKLOAD_NEIGHBOURS_H_

#include <string>
#include <vector>

#include "workload/workload.h"

namespace ose {

struct Neighbour {
  std::string name;  // what differs: "load +10%"
  Workload workload;
};

// Sizes of work (half and double), number of threads (half and double, of all groups with more than one), and, with
// open-loop arrivals, load (-20%, +10%, kept below 98% of the CPUs). Objectives and seeds are the given one's. Those
// that the checks of a workload refuse are left out; some may still be stuck under every policy, as when twice the
// threads wait at a barrier for as many as before.
std::vector<Neighbour> Neighbours(const Workload& workload, int cpus);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_NEIGHBOURS_H_
