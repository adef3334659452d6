#include "evolve/pareto.h"

#include <algorithm>
#include <pagmo/utils/multi_objective.hpp>
#include <set>

namespace ose {

bool ParetoFront::Insert(ParetoEntry entry) {
  if (entry.objectives.empty()) return false;
  for (const ParetoEntry& e : entries_)
    if (e.objectives == entry.objectives) return false;
  const int64_t id = entry.id;
  entries_.push_back(std::move(entry));
  // A single objective has a front of one; pagmo's functions want at least two.
  if (entries_.front().objectives.size() == 1) {
    auto best = std::min_element(entries_.begin(), entries_.end(), [](auto& a, auto& b) { return a.objectives < b.objectives; });
    entries_ = {std::move(*best)};
  } else if (entries_.size() > 1) {
    std::vector<std::vector<double>> points;
    for (const ParetoEntry& e : entries_) points.push_back(e.objectives);
    const auto fronts = std::get<0>(pagmo::fast_non_dominated_sorting(points));
    const std::set<size_t> first(fronts[0].begin(), fronts[0].end());
    std::vector<ParetoEntry> kept;
    for (size_t i = 0; i < entries_.size(); ++i)
      if (first.contains(i)) kept.push_back(std::move(entries_[i]));
    entries_ = std::move(kept);
    if (static_cast<int>(entries_.size()) > capacity_) {
      points.clear();
      for (const ParetoEntry& e : entries_) points.push_back(e.objectives);
      const std::vector<double> distance = pagmo::crowding_distance(points);
      entries_.erase(entries_.begin() + (std::min_element(distance.begin(), distance.end()) - distance.begin()));
    }
  }
  return std::any_of(entries_.begin(), entries_.end(), [&](const ParetoEntry& e) { return e.id == id; });
}

}  // namespace ose
