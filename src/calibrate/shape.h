// Shape: this machine's topology as a machine profile tells it, and pairs of its CPUs by distance.
#ifndef OSEVOLVE_CALIBRATE_SHAPE_H_
#define OSEVOLVE_CALIBRATE_SHAPE_H_

#include <optional>
#include <string>
#include <vector>

#include "core/topology.h"
#include "workload/machine.h"

namespace ose {

// Where the other CPU of a measurement is.
enum class Distance { kSibling, kCache, kNode, kFar };  // same core, same last-level cache, same node, another node
const char* DistanceName(Distance d);

struct CpuPair {
  int a = 0, b = 0;
};

struct Shape {
  int cpus = 1, smt = 1, cpus_per_llc = 0, cpus_per_node = 0;  // as in Machine
  std::vector<std::string> notes;                              // what a profile cannot tell, a sentence each
};

// A profile knows cores, caches and nodes of equal size: of unequal ones it tells the largest, with a note.
Shape MachineShape(const Topology& topology);

// Of the CPUs in `usable`, ascending: the first two at that distance, preferring whole cores for those not of
// one core. None when there are none.
std::optional<CpuPair> PairAt(const Topology& topology, const std::vector<int>& usable, Distance d);

}  // namespace ose

#endif  // OSEVOLVE_CALIBRATE_SHAPE_H_
