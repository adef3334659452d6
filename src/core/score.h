// Score: one number per run, so that policies can be ordered.
//
// score = 100 · Π_j r_j^(w_j / Σw), with r_j = metric / bound for a metric to maximise and
// bound / metric for one to minimise. The bound is what no policy can beat on that workload,
// machine and seed (workload/bound.h), so a score is a percentage of the physical limit: 100
// is perfect, higher is better, and a ratio of scores is a ratio of performance. The geometric
// mean makes the comparison of two policies independent of the bound that is used, so a loose
// bound lowers the number but never changes who wins.
#ifndef OSEVOLVE_CORE_SCORE_H_
#define OSEVOLVE_CORE_SCORE_H_

#include <string>
#include <vector>

#include "core/metrics.h"

namespace ose {

struct Objective {
  std::string metric;  // a name of Metrics, with group prefix if any
  Direction direction = Direction::kMaximize;
  double weight = 1.0;  // > 0
};

// 0 when a metric is missing, not finite or not positive: such a run is never good.
double Score(const std::vector<Objective>& objectives, const Metrics& metrics, const Metrics& bounds);

}  // namespace ose

#endif  // OSEVOLVE_CORE_SCORE_H_
