// Ranking: the best candidates of a run, whatever became of them in the population.
#ifndef OSEVOLVE_EVOLVE_RANKING_H_
#define OSEVOLVE_EVOLVE_RANKING_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace ose {

struct RankedCandidate {
  int64_t id = 0;
  int64_t root = 0;
  std::string name;   // of a seed policy; "" for an evolved one
  std::string source, op;
  std::string author;  // "operators", or the models of its lineage: "openai:gpt-5, operators"
  double score = 0;
};

class Ranking {
 public:
  // Seed policies stay whatever their rank; of the others the best `size`.
  explicit Ranking(size_t size) : size_(size) {}

  void Insert(RankedCandidate c) {
    if (c.name.empty()) ++evolved_;
    entries_.insert(std::upper_bound(entries_.begin(), entries_.end(), c, Better), std::move(c));
    if (evolved_ <= size_) return;
    auto worst = std::find_if(entries_.rbegin(), entries_.rend(), [](const RankedCandidate& e) { return e.name.empty(); });
    entries_.erase(std::next(worst).base());
    --evolved_;
  }
  void Rescore(int64_t id, double score) {
    auto it = std::find_if(entries_.begin(), entries_.end(), [&](const RankedCandidate& e) { return e.id == id; });
    if (it == entries_.end()) return;
    RankedCandidate c = std::move(*it);
    entries_.erase(it);
    c.score = score;
    entries_.insert(std::upper_bound(entries_.begin(), entries_.end(), c, Better), std::move(c));
  }
  bool empty() const { return entries_.empty(); }
  const RankedCandidate& best() const { return entries_.front(); }
  const std::vector<RankedCandidate>& entries() const { return entries_; }  // best first; the older first among equals

 private:
  static bool Better(const RankedCandidate& a, const RankedCandidate& b) { return a.score != b.score ? a.score > b.score : a.id < b.id; }
  size_t size_, evolved_ = 0;
  std::vector<RankedCandidate> entries_;
};

}  // namespace ose

#endif  // OSEVOLVE_EVOLVE_RANKING_H_
