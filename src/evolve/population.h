// Population: the islands of a run, what moves between them, and the front across all.
//
// Islands evolve apart, so that one good family does not take all; every `migration_interval` proposals
// copies of their best go to others (Cohoon et al., "Punctuated equilibria", 1987). An island whose best has
// not improved for `restart_after` of its own results starts again: it is emptied and refilled with copies
// of elites of niches from the whole run, drawn anew, but for the run's best, which the next migration brings.
//
// Deterministic in the options and the order of calls. Not thread-safe.
#ifndef OSEVOLVE_EVOLVE_POPULATION_H_
#define OSEVOLVE_EVOLVE_POPULATION_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "evolve/archive.h"
#include "evolve/parents.h"
#include "evolve/pareto.h"

namespace ose {

// Where an island's migrants go: to the next one, to one drawn at random, or to all others.
enum class MigrationTopology { kRing, kRandom, kFull };
const std::vector<std::string>& MigrationTopologyNames();
Result<MigrationTopology> ParseMigrationTopology(std::string_view name);  // kExitUsage

struct PopulationOptions {
  int islands = 2;
  int archive_size = 32;        // per island
  int front_size = 32;
  ParentRule parents = ParentRule::kMixed;
  int migration_interval = 64;  // proposals; 0: never
  int migrants = 1;             // of each island
  MigrationTopology topology = MigrationTopology::kRing;
  int restart_after = 200;      // results of an island without a better one; 0: never
  uint64_t seed = 1;
};

class Population {
 public:
  explicit Population(const PopulationOptions& options);

  // A policy to start from: to all islands.
  void InsertSeed(const Member& member);
  // A result of this island; null when there was none to keep (it failed, or was dropped early).
  void Insert(int island, const Member* member);
  void CountChild(int island, int64_t parent) { At(island).CountChild(parent); }
  void Rescore(int64_t id, double score);

  // Preconditions: the island is not empty.
  const Member& PickParent(int island, Rng& rng) const { return ose::PickParent(options_.parents, At(island).members(), rng); }
  // Mates from the island and, with several objectives, one of the front, all other than the parent.
  std::vector<std::string> PickMates(int island, const Member& parent, int n, Rng& rng) const;
  double QuickBar(int island) const { return At(island).QuickBar(); }

  // To be called after each proposal's result; what happened, for the log.
  struct Event {
    std::string kind;  // "migration", "restart"
    std::string json;
  };
  std::vector<Event> Step(int64_t proposal);

  const std::vector<Archive>& islands() const { return islands_; }
  const ParetoFront& front() const { return front_; }
  bool empty() const { return islands_[0].empty(); }
  // The best of all islands. Precondition: not empty().
  const Member& best() const;

 private:
  Archive& At(int island) { return islands_[static_cast<size_t>(island)]; }
  const Archive& At(int island) const { return islands_[static_cast<size_t>(island)]; }
  void Migrate(Rng rng);
  void Restart(size_t island, Rng rng);

  const PopulationOptions options_;
  std::vector<Archive> islands_;
  ParetoFront front_;
  struct Progress {
    double best = 0;
    int since = 0;  // results since it rose
  };
  std::vector<Progress> progress_;
};

}  // namespace ose

#endif  // OSEVOLVE_EVOLVE_POPULATION_H_
