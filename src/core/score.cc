#include "core/score.h"

#include <cmath>

namespace ose {

double Score(const std::vector<Objective>& objectives, const Metrics& metrics, const Metrics& bounds) {
  double log_sum = 0, weight_sum = 0;
  for (const Objective& o : objectives) {
    auto m = metrics.find(o.metric), b = bounds.find(o.metric);
    if (m == metrics.end() || b == bounds.end()) return 0;
    if (!(m->second > 0) || !(b->second > 0) || !std::isfinite(m->second)) return 0;
    double ratio = o.direction == Direction::kMaximize ? m->second / b->second : b->second / m->second;
    log_sum += o.weight * std::log(ratio);
    weight_sum += o.weight;
  }
  return weight_sum > 0 ? 100.0 * std::exp(log_sum / weight_sum) : 0;
}

}  // namespace ose
