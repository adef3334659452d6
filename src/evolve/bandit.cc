#include "evolve/bandit.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ose {
namespace {

constexpr double kLeastCost = 1e-9;

double MeanCost(const Bandit::Arm& a) { return std::max(kLeastCost, a.plays > 0 ? a.cost / a.plays : a.assumed_cost); }

}  // namespace

int Bandit::AddArm(std::string name, double cost) {
  Arm a;
  a.name = std::move(name);
  a.assumed_cost = cost;
  arms_.push_back(std::move(a));
  return size() - 1;
}

int Bandit::Find(const std::string& name) const {
  for (int i = 0; i < size(); ++i)
    if (arms_[static_cast<size_t>(i)].name == name) return i;
  return -1;
}

int Bandit::Pick(const std::function<bool(int)>& allowed) const {
  double total = 0, least_cost = std::numeric_limits<double>::infinity();
  for (const Arm& a : arms_) least_cost = std::min(least_cost, MeanCost(a));
  auto spent = [&](const Arm& a) { return (a.plays + a.in_flight) * std::pow(MeanCost(a) / least_cost, options_.cost_power); };
  for (const Arm& a : arms_) total += spent(a);
  int best = -1;
  double best_index = -1;
  for (int i = 0; i < size(); ++i) {
    if (allowed && !allowed(i)) continue;
    const Arm& a = arms_[static_cast<size_t>(i)];
    const double s = spent(a);
    double index = std::numeric_limits<double>::infinity();
    if (s > 0) index = a.reward / s + options_.exploration * std::sqrt(std::max(0.0, std::log(total)) / s);
    if (best < 0 || index > best_index) {
      best = i;
      best_index = index;
    }
  }
  return best;
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
