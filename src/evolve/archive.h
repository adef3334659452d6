// Archive: the living population of one island, the best candidates it has seen.
//
// Members are distinct in behaviour (object code + tunables) and kept in order of score, the
// older first among equals. When it is full the worst member leaves, except that the best
// descendant of each root policy may stay while there is room for half of the roots: a lineage
// that starts slowly is not crowded out by one good family.
//
// Only candidates that were scored on the same full set of search seeds enter: scores are then
// comparable seed by seed (common random numbers). Failures never enter.
#ifndef OSEVOLVE_EVOLVE_ARCHIVE_H_
#define OSEVOLVE_EVOLVE_ARCHIVE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"
#include "core/candidate.h"

namespace ose {

// What tells behaviours apart: object code and tunables.
std::string BehaviourKey(const std::string& object_hash, const std::string& source);

struct Member {
  int64_t id = 0;    // proposal number
  int64_t root = 0;  // proposal number of the hand-written policy it descends from
  std::string source;
  std::string behaviour;  // BehaviourKey
  double score = 0;       // mean over the search seeds
  double quick_score = 0; // mean over the first of them
  int children = 0;       // proposals made from it
};

class Archive {
 public:
  explicit Archive(int capacity) : capacity_(capacity) {}

  // False when its behaviour is known already or it is too weak.
  bool Insert(Member m);

  bool empty() const { return members_.empty(); }
  const std::vector<Member>& members() const { return members_; }
  const Member& best() const { return members_.front(); }
  // Score on the quick seeds that a candidate should reach to be worth all seeds: that of the
  // median member, less 2%.
  double QuickBar() const;

  // A parent: members are drawn with weight 1 / (1 + rank) / (1 + children), so that the best are
  // used most but not to exhaustion. Precondition: not empty.
  const Member& PickParent(Rng& rng) const;
  void CountChild(int64_t parent);
  // Up to n other members, as mates for crossover: those of the same root first, since their
  // blocks fit.
  std::vector<std::string> PickMates(const Member& parent, int n, Rng& rng) const;

 private:
  int capacity_;
  std::vector<Member> members_;  // by score, descending; then by id
};

}  // namespace ose

#endif  // OSEVOLVE_EVOLVE_ARCHIVE_H_
