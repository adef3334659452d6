// What the CPUs that groups may use get done together, for bounds.
#ifndef OSEVOLVE_WORKLOAD_CPU_SPEEDS_H_
#define OSEVOLVE_WORKLOAD_CPU_SPEEDS_H_

#include <algorithm>
#include <span>
#include <vector>

#include "workload/machine.h"
#include "workload/workload.h"

namespace ose {

class CpuSpeeds {
 public:
  using Groups = std::span<const int>;  // indices into the workload's groups

  // Both outlive it. CPUs are 0 .. cpus - 1.
  CpuSpeeds(const Workload& workload, const Machine& machine, int cpus) : w_(workload), machine_(machine), cpus_(cpus) {}

  // CPUs that the groups may use together, at least 1.
  int CpusOf(Groups groups) const;
  // What they get done together, in CPUs: the hardware threads of a core slow each other down. At least 1.
  double SpeedOf(Groups groups) const { return SpeedOf(UsableBy(groups)); }
  // The same of an affinity; empty: all CPUs.
  double SpeedOf(const std::vector<int>& affinity) const;
  // Whether a group may use CPUs of this set only. Not for the empty set, which is all CPUs.
  bool Confined(int group, const std::vector<int>& set) const;

  // The work of groups that are confined to a set of CPUs takes at least work / speed: the longest such time over the
  // affinities that occur (64 at most), and over all. `work(group)` in ns.
  template <class Work>
  double LongestWork(Groups groups, Work work) const {
    double longest = 0, total = 0;
    std::vector<const std::vector<int>*> seen;
    for (int g : groups) {
      total += work(g);
      const std::vector<int>& set = w_.groups[static_cast<size_t>(g)].affinity;
      if (!IsNew(set, seen)) continue;
      double sum = 0;
      for (int h : groups)
        if (Confined(h, set)) sum += work(h);
      longest = std::max(longest, sum / SpeedOf(set));
    }
    return std::max(longest, total / SpeedOf(groups));
  }

  // Whether this affinity is to be looked at: not empty and not among those seen, which it joins.
  static bool IsNew(const std::vector<int>& set, std::vector<const std::vector<int>*>& seen);

 private:
  std::vector<bool> UsableBy(Groups groups) const;
  double SpeedOf(const std::vector<bool>& used) const;

  const Workload& w_;
  const Machine& machine_;
  const int cpus_;
};

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_CPU_SPEEDS_H_
