// Bandit: which operator, model, kind of request or prompt variant to use next, by what it has
// brought per cost.
//
// Discounted UCB (Garivier and Moulines, "On upper-confidence bound policies for switching bandit
// problems", ALT 2011): what pays changes during a search, cheap operators early, ideas later, so old
// plays fade by `discount` with each new one. The index of an arm is
//
//     reward / s + exploration * sqrt(ln S / s),    s = n (mean cost / least mean cost) ^ cost_power
//
// with n its faded plays, those still in flight included (so that parallel picks spread), so that s is what was spent on
// it, in plays of the cheapest arm, and S the sum over all arms. Arms that bring nothing so get equal shares of the cost.
// (Dividing the usual index by the cost would give them shares of the plays by 1 / cost^2: most of a search went to
// operators whose children are refused or change nothing, since these are cheap.)
// An arm that was never played comes first. Ties go to the arm that was added first.
//
// Deterministic: no randomness, no clock. Not thread-safe.
#ifndef OSEVOLVE_EVOLVE_BANDIT_H_
#define OSEVOLVE_EVOLVE_BANDIT_H_

#include <functional>
#include <string>
#include <vector>

namespace ose {

struct BanditOptions {
  double discount = 0.99;
  double exploration = 0.3;
  double cost_power = 1.0;  // 0: cost does not count
};

class Bandit {
 public:
  explicit Bandit(BanditOptions options = {}) : options_(options) {}

  // Returns the arm's number, from 0. `cost` > 0 is assumed until it was played.
  int AddArm(std::string name, double cost = 1);
  int size() const { return static_cast<int>(arms_.size()); }
  const std::string& name(int arm) const { return arms_[static_cast<size_t>(arm)].name; }
  // -1 when there is none of that name.
  int Find(const std::string& name) const;

  // The best arm among those for which `allowed` holds (all when it is empty); -1 when there is none.
  int Pick(const std::function<bool(int)>& allowed = {}) const;
  // A pick is under way: counts as a play without a reward until it is recorded or dropped.
  void Start(int arm) { ++arms_[static_cast<size_t>(arm)].in_flight; }
  void Drop(int arm) { --arms_[static_cast<size_t>(arm)].in_flight; }
  // The end of a play, started before (`started`) or not: reward in [0, 1], cost >= 0.
  void Record(int arm, double reward, double cost, bool started);

  struct Arm {
    std::string name;
    double plays = 0, reward = 0, cost = 0;  // faded sums
    double assumed_cost = 1;
    int in_flight = 0;
    long total_plays = 0;
    double total_reward = 0, total_cost = 0;
  };
  const std::vector<Arm>& arms() const { return arms_; }

 private:
  const BanditOptions options_;
  std::vector<Arm> arms_;
};

}  // namespace ose

#endif  // OSEVOLVE_EVOLVE_BANDIT_H_
