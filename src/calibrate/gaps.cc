#include "calibrate/gaps.h"

#include <array>
#include <cmath>
#include <numbers>

namespace ose {
namespace {

constexpr size_t kBins = 10;
constexpr double kLocked = 0.9;
constexpr size_t kLeastPoints = 8, kLeastGaps = 4;

double Phase(int64_t time, int64_t period) {
  return 2 * std::numbers::pi * static_cast<double>(time % period) / static_cast<double>(period);
}

}  // namespace

std::vector<bool> AreTicks(std::span<const Gap> gaps, Nanos tick) {
  std::vector<bool> ticks(gaps.size(), false);
  if (gaps.size() < kLeastGaps || tick.v <= 0) return ticks;
  // The fullest window that begins at a gap, so that no boundary of fixed bins can split the tick's.
  const int64_t window = tick.v / static_cast<int64_t>(kBins);
  size_t most = 0;
  int64_t at = 0;
  for (const Gap& candidate : gaps) {
    size_t inside = 0;
    for (const Gap& g : gaps) inside += ((g.begin - candidate.begin) % tick.v + tick.v) % tick.v <= window;
    if (inside > most) {
      most = inside;
      at = candidate.begin;
    }
  }
  if (most * kBins < 3 * gaps.size()) return ticks;
  for (size_t i = 0; i < gaps.size(); ++i) ticks[i] = ((gaps[i].begin - at) % tick.v + tick.v) % tick.v <= window;
  return ticks;
}

double PhaseLock(std::span<const int64_t> times, int64_t period) {
  if (times.empty() || period <= 0) return 0;
  double x = 0, y = 0;
  for (int64_t t : times) {
    x += std::cos(Phase(t, period));
    y += std::sin(Phase(t, period));
  }
  return std::hypot(x, y) / static_cast<double>(times.size());
}

Nanos TickOf(std::span<const int64_t> times) {
  if (times.size() < kLeastPoints) return {0};
  constexpr std::array<int64_t, 4> kTicks = {10'000'000, 4'000'000, 3'333'333, 1'000'000};
  for (int64_t tick : kTicks)
    if (PhaseLock(times, tick) >= kLocked) return {tick};
  return {0};
}

}  // namespace ose
