#include "evolve/archive.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/policy_source.h"

namespace ose {

namespace {

bool Better(const Member& a, const Member& b) { return a.score != b.score ? a.score > b.score : a.id < b.id; }

}  // namespace

std::string BehaviourKey(const std::string& object_hash, const std::string& source) {
  std::string key = object_hash;
  if (auto tunables = DefaultTunables(source); tunables.ok())
    for (auto& [name, value] : *tunables) key += fmt::format(" {}={}", name, value);
  return key;
}

bool Archive::Insert(Member m) {
  for (const Member& other : members_)
    if (other.behaviour == m.behaviour) return false;
  auto twin = std::find_if(members_.begin(), members_.end(), [&](const Member& other) {
    return !m.seed_scores.empty() && other.seed_scores == m.seed_scores && other.root == m.root && other.niche == m.niche;
  });
  if (twin != members_.end()) {
    if (twin->source.size() <= m.source.size()) return false;
    // Nothing but its text is new.
    m.score = twin->score;
    m.rechecked = twin->rechecked;
    m.children = twin->children;
    members_.erase(twin);
  }
  const int64_t id = m.id;
  members_.insert(std::upper_bound(members_.begin(), members_.end(), m, Better), std::move(m));
  if (static_cast<int>(members_.size()) <= capacity_) return true;
  // The victim: the worst that is not an elite, unless too many are.
  std::set<int64_t> roots;
  std::set<Niche> niches;
  int elites = 0;
  size_t victim = members_.size() - 1;
  for (size_t i = 0; i < members_.size(); ++i) {
    const bool first_of_root = roots.insert(members_[i].root).second;
    const bool first_of_niche = niches.insert(members_[i].niche).second;
    const bool elite = (first_of_root || first_of_niche) && ++elites <= capacity_ / 2;
    if (!elite) victim = i;
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

int Archive::RankOf(double score) const {
  return static_cast<int>(std::count_if(members_.begin(), members_.end(), [&](const Member& m) { return m.score >= score; }));
}

const Member* Archive::Find(int64_t id) const {
  auto it = std::find_if(members_.begin(), members_.end(), [&](const Member& m) { return m.id == id; });
  return it != members_.end() ? &*it : nullptr;
}

void Archive::Rescore(int64_t id, double score) {
  auto it = std::find_if(members_.begin(), members_.end(), [&](const Member& m) { return m.id == id; });
  if (it == members_.end()) return;
  Member m = std::move(*it);
  members_.erase(it);
  m.score = score;
  m.rechecked = true;
  members_.insert(std::upper_bound(members_.begin(), members_.end(), m, Better), std::move(m));
}

void Archive::CountChild(int64_t parent) {
  for (Member& m : members_)
    if (m.id == parent) ++m.children;
}

std::vector<const Member*> Archive::PickMates(const Member& parent, int n, Rng& rng) const {
  std::vector<const Member*> kin, others;
  for (const Member& m : members_)
    if (m.id != parent.id) (m.root == parent.root ? kin : others).push_back(&m);
  for (auto* pool : {&kin, &others}) {
    for (size_t i = pool->size(); i > 1; --i) std::swap((*pool)[i - 1], (*pool)[rng.Below(i)]);
    std::partition(pool->begin(), pool->end(), [&](const Member* m) { return m->niche != parent.niche; });
  }
  std::vector<const Member*> mates;
  const size_t wanted = static_cast<size_t>(n);
  const size_t from_others = std::min(others.size(), wanted - std::min(wanted, std::min(kin.size(), wanted - wanted / 2)));
  const size_t from_kin = std::min(kin.size(), wanted - from_others);
  mates.insert(mates.end(), kin.begin(), kin.begin() + static_cast<std::ptrdiff_t>(from_kin));
  mates.insert(mates.end(), others.begin(), others.begin() + static_cast<std::ptrdiff_t>(from_others));
  return mates;
}

}  // namespace ose
