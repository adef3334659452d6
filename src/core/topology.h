// Topology: which CPUs share a core, a last-level cache and a memory node, and how large the caches are, from sysfs.
#ifndef OSEVOLVE_CORE_TOPOLOGY_H_
#define OSEVOLVE_CORE_TOPOLOGY_H_

#include <cstdint>
#include <string>
#include <vector>

namespace ose {

struct CpuPlace {
  int32_t llc = 0;      // numbered by the lowest CPU of each
  int32_t node = 0;
  int32_t sibling = 0;  // SMT sibling, or the CPU itself
};

struct Topology {
  std::vector<CpuPlace> cpus;  // by number, all possible ones
  std::vector<int> online;     // those that run, ascending
  // Caches of data of the first CPU that runs; 0 = not told (some virtual machines).
  int64_t l1_kb = 0, l2_kb = 0, llc_kb = 0;
};

// `root` is /sys/devices/system, or a copy of it. What is not there counts as one cache, one node, no siblings.
Topology ReadTopology(const std::string& root);

// "0-3,8" -> 0 1 2 3 8; what is no such list ends it.
std::vector<int> ParseCpuList(const std::string& text);

}  // namespace ose

#endif  // OSEVOLVE_CORE_TOPOLOGY_H_
