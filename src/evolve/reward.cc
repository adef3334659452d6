#include "evolve/reward.h"

#include <algorithm>
#include <cmath>

namespace ose {

double RewardOf(double score, double best, bool good) {
  if (score > 0 && best <= 0) return 1;
  if (score > best) return std::min(1.0, std::log2(score / best));
  return good ? kGoodReward : 0;
}

double CostOf(const Evaluation& e, bool full, bool duplicate) {
  if (e.outcome == Outcome::kGate) return 0.2;
  if (e.outcome == Outcome::kCompile) return 0.4;
  if (duplicate) return 0.5;
  return full ? 1.0 : 0.7;
}

}  // namespace ose
