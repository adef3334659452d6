// Tuner: searches the tunables of promising structures with CMA-ES.
//
// The optimiser is pagmo's (Hansen, "The CMA evolution strategy: a comparing review", 2006). pagmo calls the
// function it minimises and waits; here values arrive later and in parallel. So each generation is played
// twice: once on a copy of the optimiser, with a function that only writes down the points it is asked for,
// and, when all their scores are in, once on the optimiser itself, which asks for the same points and gets
// the scores.
//
// A session belongs to one island and one structure: the island's best member that has tunables and had no
// session yet. It ends after kPatience generations without a better point. A tunable whose range spans more
// than a factor of 16 is searched on a logarithmic scale.
//
// Deterministic in the seed and the order of calls. Not thread-safe.
#ifndef OSEVOLVE_EVOLVE_TUNER_H_
#define OSEVOLVE_EVOLVE_TUNER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "evolve/archive.h"

namespace ose {

inline constexpr char kTuneOp[] = "cmaes";

class Tuner {
 public:
  static constexpr int kPatience = 3;

  explicit Tuner(uint64_t seed);
  ~Tuner();

  // Whether Next has a point now. It begins a session if there is none.
  bool CanPropose(int island, const Archive& archive);
  struct Point {
    int64_t parent = 0;  // the structure
    std::string source, note;
  };
  // The next point, to be known as proposal `id`. Precondition: CanPropose().
  Point Next(int island, int64_t id);
  // Its score; 0 when it failed. Proposals that are not the tuner's are ignored.
  void OnResult(int64_t id, double score);
  // Forgets which structures had a session, so that they may have another one from other random numbers.
  void Again() { tuned_.clear(); }

 private:
  struct Session;
  const uint64_t seed_;
  uint64_t sessions_begun_ = 0;
  std::map<int, std::unique_ptr<Session>> sessions_;  // by island
  std::map<int64_t, int> islands_of_;                 // of proposals in flight
  std::set<int64_t> tuned_;                           // structures, by proposal
};

}  // namespace ose

#endif  // OSEVOLVE_EVOLVE_TUNER_H_
