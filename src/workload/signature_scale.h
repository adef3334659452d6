// The scales of a signature's features, docs/signature.md. Internal to the signature.
#ifndef OSEVOLVE_WORKLOAD_SIGNATURE_SCALE_H_
#define OSEVOLVE_WORKLOAD_SIGNATURE_SCALE_H_

#include <algorithm>
#include <cmath>

namespace ose::signature_scale {

inline constexpr double kMinBurstNs = 100, kMaxBurstNs = 10e9;
inline constexpr double kMaxRate = 1e7;  // per CPU-second
inline constexpr double kMaxTasksPerCpu = 1024, kMaxFanout = 1024, kMaxCv = 16, kMaxWeightRatio = 10'000;

inline double Unit(double x) { return std::clamp(x, 0.0, 1.0); }
inline double LogScale(double x, double max) { return Unit(std::log1p(std::max(0.0, x)) / std::log1p(max)); }
inline double BurstScale(double ns) {
  return ns <= kMinBurstNs ? 0 : Unit(std::log(ns / kMinBurstNs) / std::log(kMaxBurstNs / kMinBurstNs));
}

}  // namespace ose::signature_scale

#endif  // OSEVOLVE_WORKLOAD_SIGNATURE_SCALE_H_
