#include "core/distribution.h"

#include <algorithm>
#include <cmath>

namespace ose {
namespace {

constexpr int kLinear = 450;
constexpr double kPerDecade = 110;

}  // namespace

double QuantileAt(int i) {
  return i < kLinear ? i * 0.9 / kLinear : 1 - std::pow(10.0, -1 - (i - kLinear) / kPerDecade);
}

Distribution MakeDistribution(std::vector<double> samples) {
  Distribution d{.count = static_cast<int64_t>(samples.size()), .values = {}};
  if (samples.empty()) return d;
  std::sort(samples.begin(), samples.end());
  for (int i = 0; i < kQuantiles; ++i)
    d.values.push_back(samples[static_cast<size_t>(QuantileAt(i) * static_cast<double>(samples.size() - 1))]);
  return d;
}

}  // namespace ose
