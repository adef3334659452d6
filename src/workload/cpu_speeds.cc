#include "workload/cpu_speeds.h"

namespace ose {

std::vector<bool> CpuSpeeds::UsableBy(Groups groups) const {
  std::vector<bool> used(static_cast<size_t>(cpus_));
  for (int g : groups) {
    const std::vector<int>& affinity = w_.groups[static_cast<size_t>(g)].affinity;
    if (affinity.empty()) return std::vector<bool>(static_cast<size_t>(cpus_), true);
    for (int c : affinity)
      if (c < cpus_) used[static_cast<size_t>(c)] = true;
  }
  return used;
}

int CpuSpeeds::CpusOf(Groups groups) const {
  const std::vector<bool> used = UsableBy(groups);
  return std::max(1, static_cast<int>(std::count(used.begin(), used.end(), true)));
}

double CpuSpeeds::SpeedOf(const std::vector<bool>& used) const {
  double speed = 0;
  for (int c = 0; c < cpus_; ++c) {
    if (!used[static_cast<size_t>(c)]) continue;
    const int sibling = machine_.SiblingOf(c);
    const bool both = sibling != c && sibling < cpus_ && used[static_cast<size_t>(sibling)];
    speed += both ? std::max(0.5, machine_.smt_speed) : 1;
  }
  return std::max(1.0, speed);
}

double CpuSpeeds::SpeedOf(const std::vector<int>& affinity) const {
  std::vector<bool> used(static_cast<size_t>(cpus_), affinity.empty());
  for (int c : affinity)
    if (c < cpus_) used[static_cast<size_t>(c)] = true;
  return SpeedOf(used);
}

bool CpuSpeeds::Confined(int group, const std::vector<int>& set) const {
  const std::vector<int>& own = w_.groups[static_cast<size_t>(group)].affinity;
  return !own.empty() && std::all_of(own.begin(), own.end(), [&](int c) { return std::find(set.begin(), set.end(), c) != set.end(); });
}

bool CpuSpeeds::IsNew(const std::vector<int>& set, std::vector<const std::vector<int>*>& seen) {
  auto same = [&](const std::vector<int>* s) { return *s == set; };
  if (set.empty() || std::any_of(seen.begin(), seen.end(), same) || seen.size() >= 64) return false;
  seen.push_back(&set);
  return true;
}

}  // namespace ose
