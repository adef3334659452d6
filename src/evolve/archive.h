// Archive: the living population of one island, the best candidates it has seen.
//
// Members are distinct in behaviour (object code + tunables) and kept in order of score, the
// older first among equals. Of relatives (one root) that make the same schedules, told by equal scores on every
// search seed, one is kept, the one with the shortest source: a third of all children change nothing that this workload
// reaches, and would fill the places with copies of the leader. When it is full the worst member leaves, except that half of the places
// are for elites: the best member of each niche (evolve/niche.h, MAP-Elites) and the best descendant
// of each root policy, as far as there is room, better ones first. A kind of schedule or a lineage that
// starts slowly is so not crowded out by one good family.
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
#include "evolve/niche.h"

namespace ose {

// What tells behaviours apart: object code and tunables.
std::string BehaviourKey(const std::string& object_hash, const std::string& source);

struct Member {
  int64_t id = 0;    // proposal number
  int64_t root = 0;  // proposal number of the hand-written policy it descends from
  int depth = 0;     // steps from there
  std::string source;
  std::string behaviour;  // BehaviourKey
  double score = 0;       // mean over the search seeds
  std::vector<double> seed_scores;
  double quick_score = 0; // mean over the first of them
  int children = 0;       // proposals made from it
  Niche niche{};
  std::vector<double> objectives;  // LogObjectives
  bool rechecked = false;          // its score is that of a second look, on more seeds
};

class Archive {
 public:
  explicit Archive(int capacity) : capacity_(capacity) {}

  // False when its behaviour is known already, or it is too weak, or no shorter than a relative with the same schedules.
  bool Insert(Member m);

  bool empty() const { return members_.empty(); }
  const std::vector<Member>& members() const { return members_; }
  const Member& best() const { return members_.front(); }
  // Score on the quick seeds that a candidate should reach to be worth all seeds: that of the
  // median member, less 2%.
  double QuickBar() const;
  // How many members are at least as good.
  int RankOf(double score) const;

  const Member* Find(int64_t id) const;  // null when it is not here
  void CountChild(int64_t parent);
  // A better known score of a member, which finds its new place; nothing happens when it is not here.
  void Rescore(int64_t id, double score);
  void Clear() { members_.clear(); }
  // Up to n other members, as mates for crossover. Half are kin (of the same root), since their blocks fit; of
  // both halves those in other niches first: equals have nothing to give.
  std::vector<const Member*> PickMates(const Member& parent, int n, Rng& rng) const;

 private:
  int capacity_;
  std::vector<Member> members_;  // by score, descending; then by id
};

}  // namespace ose

#endif  // OSEVOLVE_EVOLVE_ARCHIVE_H_
