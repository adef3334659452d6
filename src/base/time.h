// Nanos: a duration, or a point on a clock that starts at 0, in whole nanoseconds.
// A strong type so that microseconds never pass for nanoseconds; numbers at a file or
// JSON boundary carry their unit in their name instead (_ns, _us, _ms).
#ifndef OSEVOLVE_BASE_TIME_H_
#define OSEVOLVE_BASE_TIME_H_

#include <compare>
#include <cstdint>
#include <limits>

namespace ose {

struct Nanos {
  int64_t v = 0;

  static constexpr Nanos Max() { return {std::numeric_limits<int64_t>::max()}; }
  static constexpr Nanos Micros(int64_t us) { return {us * 1'000}; }
  static constexpr Nanos Millis(int64_t ms) { return {ms * 1'000'000}; }
  static constexpr Nanos Seconds(int64_t s) { return {s * 1'000'000'000}; }

  constexpr double us() const { return static_cast<double>(v) / 1e3; }
  constexpr double ms() const { return static_cast<double>(v) / 1e6; }
  constexpr double s() const { return static_cast<double>(v) / 1e9; }

  friend constexpr auto operator<=>(Nanos, Nanos) = default;
  friend constexpr Nanos operator+(Nanos a, Nanos b) { return {a.v + b.v}; }
  friend constexpr Nanos operator-(Nanos a, Nanos b) { return {a.v - b.v}; }
  friend constexpr Nanos operator*(Nanos a, int64_t k) { return {a.v * k}; }
  constexpr Nanos& operator+=(Nanos b) { v += b.v; return *this; }
  constexpr Nanos& operator-=(Nanos b) { v -= b.v; return *this; }
};

// Wall clock for progress lines, limits and log columns; never for the deterministic
// parts (sim, mutate, the decisions of evolve).
Nanos MonotonicNow();

}  // namespace ose

#endif  // OSEVOLVE_BASE_TIME_H_
