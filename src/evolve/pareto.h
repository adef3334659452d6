// ParetoFront: the candidates of a run of which none is better than another in every objective.
//
// A workload with several objectives is searched by one score, their weighted geometric mean; the front
// keeps what that weighting would give away. Dominance and crowding distance are pagmo's (Deb et al.,
// "A fast and elitist multiobjective genetic algorithm: NSGA-II", 2002): a full front loses the member
// with the closest neighbours, never the best of an objective.
#ifndef OSEVOLVE_EVOLVE_PARETO_H_
#define OSEVOLVE_EVOLVE_PARETO_H_

#include <cstdint>
#include <string>
#include <vector>

namespace ose {

struct ParetoEntry {
  int64_t id = 0;
  std::string source;
  double score = 0;
  std::vector<double> objectives;  // LogObjectives of niche.h: less is better
};

class ParetoFront {
 public:
  explicit ParetoFront(int capacity) : capacity_(capacity) {}

  // False when it is dominated, equal to a member in all objectives, crowded out, or has no objectives.
  bool Insert(ParetoEntry entry);
  // In the order in which they came.
  const std::vector<ParetoEntry>& entries() const { return entries_; }

 private:
  const int capacity_;
  std::vector<ParetoEntry> entries_;
};

}  // namespace ose

#endif  // OSEVOLVE_EVOLVE_PARETO_H_
