// Seeded random numbers. Rng is SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): eight bytes
// of state, so that every task, arrival process and operator owns a stream of its own
// and what one consumer draws never shifts what another sees. It satisfies
// UniformRandomBitGenerator; distributions come from Boost.Random, whose results, unlike
// the standard library's, are the same everywhere.
#ifndef OSEVOLVE_BASE_RANDOM_H_
#define OSEVOLVE_BASE_RANDOM_H_

#include <cstdint>
#include <limits>

namespace ose {

constexpr uint64_t Mix64(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

class Rng {
 public:
  using result_type = uint64_t;
  explicit constexpr Rng(uint64_t seed) : s_(seed) {}

  // A stream that is independent of its siblings for different keys.
  static constexpr Rng Stream(uint64_t seed, uint64_t key_a, uint64_t key_b = 0) {
    return Rng(Mix64(Mix64(Mix64(seed + 0x9e3779b97f4a7c15ULL) ^ (key_a + 0xd1b54a32d192ed03ULL)) ^
                     (key_b + 0x8cb92ba72f3d8dd7ULL)));
  }

  static constexpr uint64_t min() { return 0; }
  static constexpr uint64_t max() { return std::numeric_limits<uint64_t>::max(); }
  constexpr uint64_t operator()() { return Mix64(s_ += 0x9e3779b97f4a7c15ULL); }

  // Uniform in [0, n); n > 0. Lemire's multiply-shift; the bias, below n / 2^64, is of no
  // consequence for the n used here.
  constexpr uint64_t Below(uint64_t n) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>((*this)()) * n) >> 64);
  }
  // Uniform in [0, 1) with 53 bits.
  constexpr double Unit() { return static_cast<double>((*this)() >> 11) * 0x1.0p-53; }

 private:
  uint64_t s_;
};

}  // namespace ose

#endif  // OSEVOLVE_BASE_RANDOM_H_
