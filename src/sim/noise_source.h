// NoiseSource: what takes one CPU away from the workload, and when (Machine::noise). Drawn from the seed
// and the CPU's number alone, so that it is the same whatever the policy does.
#ifndef OSEVOLVE_SIM_NOISE_SOURCE_H_
#define OSEVOLVE_SIM_NOISE_SOURCE_H_

#include "base/random.h"
#include "base/time.h"
#include "workload/draw.h"
#include "workload/machine.h"

namespace ose {

class NoiseSource {
 public:
  NoiseSource(const Noise& noise, uint64_t seed, int cpu)
      : rng_(Rng::Stream(seed, 0x6e6f697365000000ULL, static_cast<uint64_t>(cpu))),
        gap_({.kind = Dist::Kind::kExponential, .a = 1e9 / noise.rate_per_s}),
        duration_(noise.duration),
        next_{gap_(rng_)} {}

  Nanos next() const { return next_; }
  // How long what comes at next() takes; moves on to the one after.
  Nanos Take() {
    const Nanos duration{duration_(rng_)};
    next_ += Nanos{gap_(rng_)};
    return duration;
  }

 private:
  Rng rng_;
  Sampler gap_, duration_;
  Nanos next_;
};

}  // namespace ose

#endif  // OSEVOLVE_SIM_NOISE_SOURCE_H_
