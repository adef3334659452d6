#include "evolve/niche.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <string_view>

namespace ose {
namespace {

constexpr int kZero = -100, kMissing = -200;

std::optional<double> MeanOf(const std::vector<SeedResult>& seeds, std::string_view metric) {
  double sum = 0;
  for (const SeedResult& s : seeds) {
    auto it = s.metrics.find(metric);
    if (it == s.metrics.end() || !std::isfinite(it->second)) return std::nullopt;
    sum += it->second;
  }
  if (seeds.empty()) return std::nullopt;
  return sum / static_cast<double>(seeds.size());
}

int Bin(std::optional<double> mean) {
  if (!mean) return kMissing;
  return *mean > 0 ? static_cast<int>(std::floor(std::log2(*mean) / 2)) : kZero;
}

}  // namespace

Niche NicheOf(const std::vector<SeedResult>& seeds) {
  std::optional<double> tail;
  for (const char* metric : {"latency_p99", "start_p95", "wakeup_p99"})
    if (!tail) tail = MeanOf(seeds, metric);
  return {Bin(MeanOf(seeds, "switches_per_s")), Bin(MeanOf(seeds, "migrations_per_s")), Bin(tail)};
}

int NicheDistance(const Niche& a, const Niche& b) {
  int sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += std::min(std::abs(a[i] - b[i]), kFarthest);
  return sum;
}

std::vector<double> LogObjectives(const std::vector<Objective>& objectives, const std::vector<SeedResult>& seeds) {
  std::vector<double> logs;
  for (const Objective& o : objectives) {
    const std::optional<double> mean = MeanOf(seeds, o.metric);
    if (!mean || *mean <= 0) return {};
    logs.push_back(o.direction == Direction::kMaximize ? -std::log(*mean) : std::log(*mean));
  }
  return logs;
}

}  // namespace ose
