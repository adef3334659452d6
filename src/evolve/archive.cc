#include "evolve/archive.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/policy_source.h"

namespace ose {

std::string BehaviourKey(const std::string& object_hash, const std::string& source) {
  std::string key = object_hash;
  if (auto tunables = DefaultTunables(source); tunables.ok())
    for (auto& [name, value] : *tunables) key += fmt::format(" {}={}", name, value);
  return key;
}

bool Archive::Insert(Member m) {
  for (const Member& other : members_)
    if (other.behaviour == m.behaviour) return false;
  auto better = [](const Member& a, const Member& b) { return a.score != b.score ? a.score > b.score : a.id < b.id; };
  const int64_t id = m.id;
  members_.insert(std::upper_bound(members_.begin(), members_.end(), m, better), std::move(m));
  if (static_cast<int>(members_.size()) <= capacity_) return true;
  // The victim: the worst that is not the last of its root, unless too many roots are protected.
  std::set<int64_t> seen_roots;
  size_t victim = members_.size() - 1;
  for (size_t i = 0; i < members_.size(); ++i) {
    bool first_of_root = seen_roots.insert(members_[i].root).second;
    bool is_protected = first_of_root && static_cast<int>(seen_roots.size()) <= capacity_ / 2;
    if (!is_protected) victim = i;
  }
  bool kept = members_[victim].id != id;
  members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(victim));
  return kept;
}

double Archive::QuickBar() const {
  if (members_.empty()) return 0;
  std::vector<double> scores;
  for (const Member& m : members_) scores.push_back(m.quick_score);
  auto middle = scores.begin() + static_cast<std::ptrdiff_t>(scores.size() / 2);
  std::nth_element(scores.begin(), middle, scores.end());
  return 0.98 * *middle;
}

const Member& Archive::PickParent(Rng& rng) const {
  double total = 0;
  auto weight = [&](size_t i) { return 1.0 / static_cast<double>(1 + i) / (1 + members_[i].children); };
  for (size_t i = 0; i < members_.size(); ++i) total += weight(i);
  double x = rng.Unit() * total;
  size_t i = 0;
  while (i + 1 < members_.size() && (x -= weight(i)) >= 0) ++i;
  return members_[i];
}

void Archive::CountChild(int64_t parent) {
  for (Member& m : members_)
    if (m.id == parent) ++m.children;
}

std::vector<std::string> Archive::PickMates(const Member& parent, int n, Rng& rng) const {
  std::vector<const Member*> kin, others;
  for (const Member& m : members_)
    if (m.id != parent.id) (m.root == parent.root ? kin : others).push_back(&m);
  std::vector<std::string> mates;
  for (auto* pool : {&kin, &others}) {
    while (!pool->empty() && static_cast<int>(mates.size()) < n) {
      size_t i = static_cast<size_t>(rng.Below(pool->size()));
      mates.push_back((*pool)[i]->source);
      pool->erase(pool->begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  return mates;
}

}  // namespace ose
