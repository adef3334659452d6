#include "calibrate/samples.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/random.h"

namespace ose {
namespace {

constexpr int kResamples = 400;  // 2.5% of them is ten: the ends of the interval are good to a few per cent of its width
constexpr uint64_t kSeed = 0x63616c6962;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

}  // namespace

// How often each round counts.
class RoundsView final : public SampleView {
 public:
  RoundsView(const Samples& samples, const std::vector<int>& times) : samples_(samples), times_(times) {}

  double Quantile(std::string_view series, double p) const override {
    const auto* sorted = samples_.Sorted(series);
    if (!sorted) return kNone;
    int64_t n = 0;
    for (const auto& s : *sorted) n += Times(s);
    if (n == 0) return kNone;
    int64_t before = static_cast<int64_t>(p * static_cast<double>(n - 1));
    for (const auto& s : *sorted)
      if ((before -= Times(s)) < 0) return s.value;
    return sorted->back().value;
  }

  double Mean(std::string_view series) const override {
    const auto* sorted = samples_.Sorted(series);
    double sum = 0;
    int64_t n = 0;
    if (sorted)
      for (const auto& s : *sorted) {
        sum += s.value * Times(s);
        n += Times(s);
      }
    return n ? sum / static_cast<double>(n) : kNone;
  }

 private:
  int Times(const Samples::Sample& s) const { return times_[static_cast<size_t>(s.round)]; }
  const Samples& samples_;
  const std::vector<int>& times_;
};

Samples::Series& Samples::Find(std::string_view name) {
  auto it = series_.find(name);
  if (it == series_.end()) it = series_.emplace(std::string(name), Series{}).first;
  return it->second;
}

const std::vector<Samples::Sample>* Samples::Sorted(std::string_view name) const {
  const auto it = series_.find(name);
  if (it == series_.end()) return nullptr;
  const Series& s = it->second;
  if (!s.sorted) std::sort(s.samples.begin(), s.samples.end(), [](const Sample& a, const Sample& b) { return a.value < b.value; });
  s.sorted = true;
  return &s.samples;
}

void Samples::Add(std::string_view series, double value) {
  Series& s = Find(series);
  s.samples.push_back({value, rounds_ - 1});
  s.sorted = false;
}

int64_t Samples::kept(std::string_view series) const {
  const auto it = series_.find(series);
  return it == series_.end() ? 0 : static_cast<int64_t>(it->second.samples.size());
}

int64_t Samples::discarded(std::string_view series) const {
  const auto it = series_.find(series);
  return it == series_.end() ? 0 : it->second.discarded;
}

std::vector<double> Samples::Values(std::string_view series) const {
  std::vector<double> values;
  if (const auto* sorted = Sorted(series))
    for (const Sample& s : *sorted) values.push_back(s.value);
  return values;
}

Interval Samples::Estimate(const Formula& formula) const {
  const auto rounds = static_cast<uint64_t>(rounds_);
  std::vector<int> times(rounds, 1);
  const RoundsView view(*this, times);
  Interval figure;
  figure.mean = figure.lo = figure.hi = formula(view);
  if (rounds < 2 || std::isnan(figure.mean)) return figure;
  Rng rng(kSeed);
  std::vector<double> figures;
  for (int i = 0; i < kResamples; ++i) {
    std::fill(times.begin(), times.end(), 0);
    for (uint64_t r = 0; r < rounds; ++r) ++times[rng.Below(rounds)];
    const double x = formula(view);
    if (!std::isnan(x)) figures.push_back(x);  // of a series with samples in few rounds there may be none
  }
  if (figures.empty()) return figure;
  figure.lo = std::min(figure.mean, Percentile(figures, 0.025));
  // Percentile() rounds down: mirrored for the upper end, so that the interval is not shifted.
  for (double& x : figures) x = -x;
  figure.hi = std::max(figure.mean, -Percentile(figures, 0.025));
  return figure;
}

}  // namespace ose
