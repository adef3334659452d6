#include "calibrate/shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace ose {
namespace {

const CpuPlace& Place(const Topology& t, int cpu) { return t.cpus[static_cast<size_t>(cpu)]; }

// How many CPUs share what `of` tells: the largest such set, and whether all are alike.
template <class Of>
int LargestSet(const Topology& t, Of of, int* sets, bool* alike) {
  std::map<int, int> members;
  for (int cpu : t.online) ++members[of(Place(t, cpu))];
  int most = 1;  // of no CPU at all, too: callers divide by it
  *alike = true;
  for (const auto& [id, n] : members) most = std::max(most, n);
  for (const auto& [id, n] : members) *alike = *alike && n == most;
  *sets = static_cast<int>(members.size());
  return most;
}

}  // namespace

const char* DistanceName(Distance d) {
  switch (d) {
    case Distance::kSibling: return "core";
    case Distance::kCache: return "cache";
    case Distance::kNode: return "node";
    case Distance::kFar: return "far";
  }
  return "";
}

Shape MachineShape(const Topology& t) {
  Shape s;
  s.cpus = static_cast<int>(t.online.size());
  if (s.cpus > kMaxCpus) {
    s.notes.push_back(fmt::format("{} CPUs run here, the model knows {}", s.cpus, kMaxCpus));
    s.cpus = kMaxCpus;
  }
  int paired = 0;
  for (int cpu : t.online) {
    const int sibling = Place(t, cpu).sibling;
    paired += sibling != cpu && std::binary_search(t.online.begin(), t.online.end(), sibling);
  }
  if (paired > 0) s.smt = 2;
  if (paired > 0 && paired < s.cpus)
    s.notes.push_back(fmt::format("{} of {} CPUs have a sibling in their core: the profile says that all have", paired, s.cpus));
  if (s.cpus % s.smt) {
    --s.cpus;
    s.notes.push_back(fmt::format("the profile has {} CPUs, whole cores", s.cpus));
  }
  int caches = 1, nodes = 1;
  bool caches_alike = true, nodes_alike = true;
  const int per_llc = LargestSet(t, [](const CpuPlace& p) { return p.llc; }, &caches, &caches_alike);
  const int per_node = LargestSet(t, [](const CpuPlace& p) { return p.node; }, &nodes, &nodes_alike);
  if (caches > 1) s.cpus_per_llc = per_llc + per_llc % s.smt;
  if (!caches_alike) s.notes.push_back(fmt::format("last-level caches have unequal numbers of CPUs: the profile says {} each", per_llc));
  if (nodes > 1) {
    // A node of one cache, or of whole ones.
    if (!s.cpus_per_llc) s.cpus_per_llc = per_node;
    s.cpus_per_node = (per_node + s.cpus_per_llc - 1) / s.cpus_per_llc * s.cpus_per_llc;
    if (!nodes_alike || s.cpus_per_node != per_node)
      s.notes.push_back(fmt::format("memory nodes have unequal numbers of CPUs or split caches: the profile says {} each", s.cpus_per_node));
  }
  s.cpus_per_llc = std::min(s.cpus_per_llc, s.cpus);
  s.cpus_per_node = std::min(s.cpus_per_node, s.cpus);
  for (int cpu : t.online)
    if (s.smt == 2 && Place(t, cpu).sibling != cpu && (Place(t, cpu).sibling ^ 1) != cpu) {
      s.notes.push_back("Linux numbers siblings apart here; in the model CPUs 2n and 2n + 1 are one core");
      break;
    }
  return s;
}

std::optional<CpuPair> PairAt(const Topology& t, const std::vector<int>& usable, Distance d) {
  for (int a : usable)
    for (int b : usable) {
      if (b <= a) continue;
      const CpuPlace &p = Place(t, a), &q = Place(t, b);
      const bool sibling = p.sibling == b;
      const bool at = d == Distance::kSibling ? sibling
                      : d == Distance::kCache ? !sibling && p.llc == q.llc && p.node == q.node
                      : d == Distance::kNode  ? p.llc != q.llc && p.node == q.node
                                              : p.node != q.node;
      if (at) return CpuPair{a, b};
    }
  return std::nullopt;
}

}  // namespace ose
