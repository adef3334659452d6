#include "evolve/bandit.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ose {
namespace {

constexpr double kLeastCost = 1e-9;

double MeanCost(const Bandit::Arm& a) { return std::max(kLeastCost, a.plays > 0 ? a.cost / a.plays : a.assumed_cost); }

// The place of the best of those that may be picked; -1 when there is none.
int PickBest(const BanditOptions& options, const std::vector<Bandit::Arm>& arms, const std::vector<bool>& allowed) {
  double total = 0, least_cost = std::numeric_limits<double>::infinity();
  for (const Bandit::Arm& a : arms) {
    total += a.plays + a.in_flight;
    least_cost = std::min(least_cost, MeanCost(a));
  }
  int best = -1;
  double best_index = -1;
  for (size_t i = 0; i < arms.size(); ++i) {
    if (!allowed[i]) continue;
    const Bandit::Arm& a = arms[i];
    const double n = a.plays + a.in_flight;
    double index = std::numeric_limits<double>::infinity();
    if (n > 0) {
      const double width = options.exploration * std::sqrt(std::max(0.0, std::log(total)) / n);
      index = (a.reward / n + width) / std::pow(MeanCost(a) / least_cost, options.cost_power);
    }
    if (best < 0 || index > best_index) {
      best = static_cast<int>(i);
      best_index = index;
    }
  }
  return best;
}

}  // namespace

int Bandit::AddArm(std::string name, double cost, std::string_view group) {
  Arm a;
  a.name = std::move(name);
  a.assumed_cost = cost;
  auto known = group.empty() ? groups_.end() : std::find(groups_.begin(), groups_.end(), group);
  a.group = static_cast<int>(known - groups_.begin());
  if (known == groups_.end()) groups_.emplace_back(group);
  arms_.push_back(std::move(a));
  return size() - 1;
}

int Bandit::Find(const std::string& name) const {
  for (int i = 0; i < size(); ++i)
    if (arms_[static_cast<size_t>(i)].name == name) return i;
  return -1;
}

int Bandit::Pick(const std::function<bool(int)>& allowed) const {
  std::vector<Arm> sums(groups_.size());
  std::vector<bool> open(groups_.size());
  for (int i = 0; i < size(); ++i) {
    const Arm& a = arms_[static_cast<size_t>(i)];
    Arm& sum = sums[static_cast<size_t>(a.group)];
    sum.plays += a.plays;
    sum.reward += a.reward;
    sum.cost += a.cost;
    sum.in_flight += a.in_flight;
    sum.assumed_cost = a.assumed_cost;
    if (!allowed || allowed(i)) open[static_cast<size_t>(a.group)] = true;
  }
  const int group = PickBest(options_, sums, open);
  if (group < 0) return -1;
  std::vector<Arm> arms;
  std::vector<bool> may;
  std::vector<int> numbers;
  for (int i = 0; i < size(); ++i) {
    if (arms_[static_cast<size_t>(i)].group != group) continue;
    arms.push_back(arms_[static_cast<size_t>(i)]);
    may.push_back(!allowed || allowed(i));
    numbers.push_back(i);
  }
  return numbers[static_cast<size_t>(PickBest(options_, arms, may))];
}

void Bandit::Record(int arm, double reward, double cost, bool started) {
  if (started) Drop(arm);
  for (Arm& a : arms_) {
    a.plays *= options_.discount;
    a.reward *= options_.discount;
    a.cost *= options_.discount;
  }
  Arm& a = arms_[static_cast<size_t>(arm)];
  reward = std::clamp(reward, 0.0, 1.0);
  a.plays += 1;
  a.reward += reward;
  a.cost += cost;
  ++a.total_plays;
  a.total_reward += reward;
  a.total_cost += cost;
}

}  // namespace ose
