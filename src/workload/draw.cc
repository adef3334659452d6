#include "workload/draw.h"

#include <algorithm>
#include <boost/random/exponential_distribution.hpp>
#include <boost/random/normal_distribution.hpp>
#include <cmath>

namespace ose {

// Determinism. Boost.Random's ziggurats are fixed algorithms over the generator's bits, in basic
// IEEE arithmetic but for the rare tail; exp, log and pow come from libm, whose last bit may
// differ between C libraries (glibc has kept it since 2.28), which the rounding to nanoseconds
// hides all but always. x86-64 code has no fused multiply-add unless asked for.

namespace {

constexpr double kTwo53 = 0x1.0p53;

int64_t RoundDraw(double ns) {
  if (!(ns > 0)) return 0;  // also NaN
  if (ns >= static_cast<double>(kMaxDrawNs)) return kMaxDrawNs;
  return static_cast<int64_t>(ns + 0.5);  // NOLINT(bugprone-incorrect-roundings): llround() is a call, and this is hot
}

int64_t DrawUniform(double low, double width, Rng& rng) { return RoundDraw(low + width * rng.Unit()); }
int64_t DrawLognormal(double mu, double sigma, Rng& rng) {
  return RoundDraw(std::exp(mu + sigma * boost::random::normal_distribution<double>()(rng)));
}
// Inverse of F(x) = 1 - (min/x)^shape; 1 - Unit() is in (0, 1].
int64_t DrawPareto(double minimum, double exponent, Rng& rng) {
  return RoundDraw(minimum * std::pow(1.0 - rng.Unit(), exponent));
}

// Mean m and coefficient of variation c of exp(N(mu, sigma)): sigma^2 = ln(1 + c^2),
// mu = ln m - sigma^2 / 2.
double LognormalSigma(double cv) { return std::sqrt(std::log1p(cv * cv)); }
double LognormalMu(double mean, double sigma) { return std::log(mean) - sigma * sigma / 2; }

// Value i of a mix is taken when a 53-bit uniform integer is below threshold i and not below the
// one before. Summed from the left everywhere, so the last threshold is exactly 2^53.
uint64_t MixThreshold(double cumulative, double total) {
  return static_cast<uint64_t>(cumulative / total * kTwo53);
}
// The u-quantile, linear between those that are given; u < 1 and the last one is that of 1.
int64_t DrawQuantile(const std::vector<double>& value, const std::vector<double>& p, double u) {
  const auto above = std::upper_bound(p.begin() + 1, p.end() - 1, u);
  const auto i = static_cast<size_t>(above - p.begin());
  const double width = p[i] - p[i - 1];
  return RoundDraw(width > 0 ? value[i - 1] + (value[i] - value[i - 1]) * ((u - p[i - 1]) / width) : value[i]);
}
double MixTotal(const Dist& dist) {
  double total = 0;
  for (double w : dist.weight) total += w;
  return total;
}

}  // namespace

[[gnu::flatten]] int64_t DrawExponential(double mean_ns, Rng& rng) { return RoundDraw(mean_ns * boost::random::exponential_distribution<double>()(rng)); }

double Dist::Mean() const {
  switch (kind) {
    case Kind::kConstant:
    case Kind::kExponential:
    case Kind::kLognormal: return a;
    case Kind::kUniform: return (a + b) / 2;
    case Kind::kPareto: return a * b / (b - 1);
    case Kind::kMix: {
      double sum = 0;
      for (size_t i = 0; i < value.size(); ++i) sum += value[i] * weight[i];
      return value.empty() ? 0 : sum / MixTotal(*this);
    }
    case Kind::kQuantiles: {
      double sum = 0;
      for (size_t i = 1; i < value.size(); ++i) sum += (weight[i] - weight[i - 1]) * (value[i] + value[i - 1]) / 2;
      return sum;
    }
  }
  return 0;
}

Nanos Sample(const Dist& dist, Rng& rng) {
  switch (dist.kind) {
    case Dist::Kind::kConstant: return {RoundDraw(dist.a)};
    case Dist::Kind::kUniform: return {DrawUniform(dist.a, dist.b - dist.a, rng)};
    case Dist::Kind::kExponential: return {DrawExponential(dist.a, rng)};
    case Dist::Kind::kLognormal: {
      double sigma = LognormalSigma(dist.b);
      return {DrawLognormal(LognormalMu(dist.a, sigma), sigma, rng)};
    }
    case Dist::Kind::kPareto: return {DrawPareto(dist.a, -1 / dist.b, rng)};
    case Dist::Kind::kMix: {
      if (dist.value.empty()) return {0};
      const double total = MixTotal(dist);
      const uint64_t bits = rng() >> 11;
      double cumulative = 0;
      size_t i = 0;
      for (; i + 1 < dist.value.size(); ++i) {
        cumulative += dist.weight[i];
        if (bits < MixThreshold(cumulative, total)) break;
      }
      return {RoundDraw(dist.value[i])};
    }
    case Dist::Kind::kQuantiles:
      return {dist.value.size() < 2 ? 0 : DrawQuantile(dist.value, dist.weight, rng.Unit())};
  }
  return {0};
}

Sampler::Sampler(const Dist& dist) : a_(dist.a), b_(dist.b) {
  switch (dist.kind) {
    case Dist::Kind::kConstant: first_ = RoundDraw(dist.a); break;
    case Dist::Kind::kUniform:
      kind_ = Kind::kUniform;
      b_ = dist.b - dist.a;
      break;
    case Dist::Kind::kExponential: kind_ = Kind::kExponential; break;
    case Dist::Kind::kLognormal:
      kind_ = Kind::kLognormal;
      b_ = LognormalSigma(dist.b);
      a_ = LognormalMu(dist.a, b_);
      break;
    case Dist::Kind::kPareto:
      kind_ = Kind::kPareto;
      b_ = -1 / dist.b;
      break;
    case Dist::Kind::kMix: {
      if (dist.value.empty()) break;
      const double total = MixTotal(dist);
      double cumulative = 0;
      for (size_t i = 0; i < dist.value.size(); ++i) {
        cumulative += dist.weight[i];
        thresholds_.push_back(MixThreshold(cumulative, total));
        values_.push_back(RoundDraw(dist.value[i]));
      }
      kind_ = values_.size() == 2 ? Kind::kMix2 : Kind::kMixMany;
      first_ = values_.front();
      second_ = values_.back();
      threshold_ = thresholds_.front();
      break;
    }
    case Dist::Kind::kQuantiles:
      if (dist.value.size() < 2) break;
      kind_ = Kind::kQuantiles;
      quantiles_ = dist.value;
      probabilities_ = dist.weight;
      break;
  }
}

int64_t Sampler::Slow(Rng& rng) const {
  switch (kind_) {
    case Kind::kConstant:
    case Kind::kMix2:
    case Kind::kExponential: break;  // inline
    case Kind::kUniform: return DrawUniform(a_, b_, rng);
    case Kind::kLognormal: return DrawLognormal(a_, b_, rng);
    case Kind::kPareto: return DrawPareto(a_, b_, rng);
    case Kind::kMixMany: {
      const uint64_t bits = rng() >> 11;
      auto it = std::upper_bound(thresholds_.begin(), thresholds_.end() - 1, bits);
      return values_[static_cast<size_t>(it - thresholds_.begin())];
    }
    case Kind::kQuantiles: return DrawQuantile(quantiles_, probabilities_, rng.Unit());
  }
  return 0;
}

namespace {

double StateRate(const Workload& workload, const Group& group, const Arrivals::State& state, int cpus) {
  if (state.rate_per_s > 0) return state.rate_per_s;
  const double work_s = MeanWork(workload, group) / 1e9;
  return work_s > 0 ? state.load * cpus / work_s : 0;
}

Dist ExponentialGap(double mean_ns) {
  Dist d;
  d.kind = Dist::Kind::kExponential;
  d.a = mean_ns;
  return d;
}

}  // namespace

ArrivalProcess::ArrivalProcess(const Workload& workload, int group, int cpus, uint64_t seed)
    : rng_(ArrivalStream(seed, group)),
      kind_(workload.groups[static_cast<size_t>(group)].arrivals.kind),
      gap_ns_(1e9 / ArrivalRate(workload, workload.groups[static_cast<size_t>(group)], cpus)),
      gap_(ExponentialGap(gap_ns_)),
      horizon_(workload.horizon.v) {
  const Group& g = workload.groups[static_cast<size_t>(group)];
  batch_ = g.arrivals.batch;
  geometric_ = g.arrivals.batch_geometric;
  if (batch_ > 1) gap_ = Sampler(ExponentialGap(gap_ns_ * batch_));
  double total = 0;
  for (const Arrivals::State& s : g.arrivals.states) {
    const double rate = StateRate(workload, g, s, cpus);
    states_.push_back({Sampler(ExponentialGap(rate > 0 ? 1e9 * batch_ / rate : 1)), s.ns, !(rate > 0)});
    total += static_cast<double>(s.ns);
  }
  if (states_.empty()) return;
  if (kind_ == Arrivals::Kind::kMmpp) {
    double at = rng_.Unit() * total;
    while (state_ + 1 < states_.size() && at >= static_cast<double>(states_[state_].ns)) at -= static_cast<double>(states_[state_++].ns);
  }
  state_end_ = states_[state_].ns;
  if (kind_ == Arrivals::Kind::kMmpp) state_end_ = Sample(ExponentialGap(static_cast<double>(state_end_)), rng_).v;
}

void ArrivalProcess::NextState() {
  if (kind_ == Arrivals::Kind::kPhases) {
    state_ = (state_ + 1) % states_.size();
    state_end_ += states_[state_].ns;
    return;
  }
  if (states_.size() > 1) {
    const auto step = static_cast<size_t>(rng_.Unit() * static_cast<double>(states_.size() - 1));
    state_ = (state_ + 1 + step) % states_.size();
  }
  state_end_ += Sample(ExponentialGap(static_cast<double>(states_[state_].ns)), rng_).v;
}

int64_t ArrivalProcess::NextBatch() {
  if (!geometric_) return static_cast<int64_t>(batch_);
  // Inverse of P(n > k) = (1 - 1/m)^k; 1 - Unit() is in (0, 1].
  const double n = std::ceil(std::log(1.0 - rng_.Unit()) / std::log1p(-1 / batch_));
  return std::clamp<int64_t>(static_cast<int64_t>(std::min(n, 1e9)), 1, 1'000'000'000);
}

Nanos ArrivalProcess::Next() {
  ++n_;
  if (kind_ == Arrivals::Kind::kPeriodic) {
    now_ = RoundDraw(static_cast<double>(n_) * gap_ns_);
    return {now_};
  }
  if (in_batch_ > 0) {
    --in_batch_;
    return {now_};
  }
  if (states_.empty()) {
    now_ += gap_(rng_);
  } else {
    while (now_ < horizon_) {
      const State& s = states_[state_];
      const int64_t at = s.silent ? state_end_ : now_ + s.gap(rng_);
      if (at < state_end_) {
        now_ = at;
        break;
      }
      now_ = state_end_;
      NextState();
    }
  }
  if (batch_ > 1) in_batch_ = NextBatch() - 1;
  return {now_};
}

int Workload::TaskCount() const {
  int n = 0;
  for (const Group& g : groups) n += g.count;
  return n;
}

double MeanWork(const Workload& workload, const Group& group) {
  double sum = 0, times = 1;
  std::vector<double> outer;  // `times` outside each open loop
  for (const Op& op : group.program) {
    switch (op.kind) {
      case OpKind::kRun:
      case OpKind::kSpin:
        sum += times * (op.drawn ? workload.dists[op.object].Mean() : static_cast<double>(op.ns));
        break;
      case OpKind::kLoop:
        outer.push_back(times);
        times *= op.count;
        break;
      case OpKind::kEndLoop:
        times = outer.back();
        outer.pop_back();
        break;
      default: break;
    }
  }
  return sum;
}

double ArrivalRate(const Workload& workload, const Group& group, int cpus) {
  if (group.arrivals.kind == Arrivals::Kind::kNone) return 0;
  if (!group.arrivals.states.empty()) {
    double arrivals = 0, time = 0;
    for (const Arrivals::State& s : group.arrivals.states) {
      arrivals += StateRate(workload, group, s, cpus) * static_cast<double>(s.ns);
      time += static_cast<double>(s.ns);
    }
    return arrivals / time;
  }
  if (group.arrivals.rate_per_s > 0) return group.arrivals.rate_per_s;
  const double work_s = MeanWork(workload, group) / 1e9;
  return work_s > 0 ? group.arrivals.load * cpus / work_s : 0;
}

double OfferedLoad(const Workload& workload, int cpus) {
  double load = 0;
  for (const Group& g : workload.groups) load += ArrivalRate(workload, g, cpus) * MeanWork(workload, g) / 1e9 / cpus;
  return load;
}

void ScaleArrivals(Workload& workload, double factor) {
  for (Group& g : workload.groups) {
    g.arrivals.rate_per_s *= factor;
    g.arrivals.load *= factor;
    for (Arrivals::State& s : g.arrivals.states) s.rate_per_s *= factor, s.load *= factor;
  }
}

namespace {

// What a stream is for, in the top byte of its first key: streams of different uses never meet.
uint64_t StreamKey(uint64_t use, int group) { return (use << 56) | static_cast<uint32_t>(group); }

}  // namespace

Rng TaskStream(uint64_t seed, int group, int index) {
  return Rng::Stream(seed, StreamKey(1, group), static_cast<uint64_t>(index));
}
Rng ArrivalStream(uint64_t seed, int group) { return Rng::Stream(seed, StreamKey(2, group)); }
Rng RequestStream(uint64_t seed, int group, uint64_t number) {
  return Rng::Stream(seed, StreamKey(3, group), number);
}

}  // namespace ose
