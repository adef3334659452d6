// Drawing durations and arrivals, for those who draw many: the simulator and the bounds.
//
// Both must see the same workload, so what is drawn is fixed here, in draw.cc, and nowhere else:
// the streams are TaskStream, ArrivalStream and RequestStream (workload.h), a duration is
// Sample(dist, stream) (or a Sampler's, which is equal), and arrivals come from ArrivalProcess.
#ifndef OSEVOLVE_WORKLOAD_DRAW_H_
#define OSEVOLVE_WORKLOAD_DRAW_H_

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "workload/workload.h"

namespace ose {

// The longest duration that is ever drawn, 11.6 days: heavy tails are cut here, so that sums of
// thousands of draws cannot overflow.
inline constexpr int64_t kMaxDrawNs = 1'000'000'000'000'000;

// An exponential duration of this mean, from one or more numbers of `rng`.
int64_t DrawExponential(double mean_ns, Rng& rng);

// A Dist made ready to draw from: sampler(rng) equals Sample(dist, rng).v, value for value and
// generator state for generator state, without recomputing logarithms and cumulative weights.
// Owns what it needs; const after construction, so it may be shared between threads.
class Sampler {
 public:
  explicit Sampler(const Dist& dist);

  int64_t operator()(Rng& rng) const {
    switch (kind_) {
      case Kind::kConstant: return first_;
      case Kind::kMix2: return (rng() >> 11) < threshold_ ? first_ : second_;
      case Kind::kExponential: return DrawExponential(a_, rng);
      default: return Slow(rng);
    }
  }

 private:
  enum class Kind : uint8_t { kConstant, kMix2, kUniform, kExponential, kLognormal, kPareto, kMixMany, kQuantiles };
  int64_t Slow(Rng& rng) const;

  Kind kind_ = Kind::kConstant;
  int64_t first_ = 0, second_ = 0;
  uint64_t threshold_ = 0;
  double a_ = 0, b_ = 0;  // parameters, as draw.cc prepares them for the kind
  std::vector<uint64_t> thresholds_;
  std::vector<int64_t> values_;
  std::vector<double> quantiles_, probabilities_;
};

// The arrival times of an open-loop group: the n-th call of Next() is the time of request n.
// Poisson: gaps are exponential draws of ArrivalStream, each rounded to a nanosecond.
// Periodic: request n arrives at (n + 1) periods, rounded once, so that the rate has no drift;
// nothing is drawn.
// Mmpp, phases: Poisson at the rate of the state; the rest of a gap that a state's end cuts off is drawn
// anew, as exponential gaps have no memory. An MMPP begins in a state drawn by how long each lasts.
// Batches: as many times in a row as a batch has requests; its size is drawn after its gap.
// Times never fall. The sequence is endless; the caller stops at the horizon, after which they mean nothing.
class ArrivalProcess {
 public:
  // Precondition: the group has arrivals and its rate on `cpus` CPUs is positive.
  ArrivalProcess(const Workload& workload, int group, int cpus, uint64_t seed);
  Nanos Next();

 private:
  Rng rng_;
  Arrivals::Kind kind_;
  double gap_ns_;  // mean gap
  Sampler gap_;
  void NextState();
  int64_t NextBatch();
  struct State {
    Sampler gap;
    int64_t ns;
    bool silent;
  };
  std::vector<State> states_;
  size_t state_ = 0;
  int64_t state_end_ = 0;
  double batch_ = 1;
  bool geometric_ = false;
  int64_t in_batch_ = 0;  // still to come, at now_
  int64_t horizon_;
  int64_t now_ = 0;
  uint64_t n_ = 0;
};

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_DRAW_H_
