// Samples: what the repetitions of each measurement gave, by round, and estimates from them.
//
// All measurements take turns in rounds, so a slow drift (frequency, a neighbour, the emulator's host) meets all of
// them, and samples of one round are more alike than samples of two. So the unit that is resampled is the round, for
// all series together: a figure made of several series keeps what they have in common (Efron, Tibshirani: An
// Introduction to the Bootstrap, 1993, chapters 8 and 13: resampling of whole blocks, percentile interval).
#ifndef OSEVOLVE_CALIBRATE_SAMPLES_H_
#define OSEVOLVE_CALIBRATE_SAMPLES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/stats.h"

namespace ose {

// Fewer rounds than this say little about their spread.
inline constexpr int kFewRounds = 8;

// The samples of some of the rounds. What there are none of is NaN.
class SampleView {
 public:
  virtual double Quantile(std::string_view series, double p) const = 0;  // as Percentile() of core/stats.h
  virtual double Mean(std::string_view series) const = 0;

 protected:
  ~SampleView() = default;
};

// Not thread-safe.
class Samples {
 public:
  void BeginRound() { ++rounds_; }
  int rounds() const { return rounds_; }
  // Precondition: a round has begun.
  void Add(std::string_view series, double value);
  // A repetition that was disturbed and left out.
  void Discard(std::string_view series) { ++Find(series).discarded; }

  int64_t kept(std::string_view series) const;
  int64_t discarded(std::string_view series) const;
  // Ascending.
  std::vector<double> Values(std::string_view series) const;

  using Formula = std::function<double(const SampleView&)>;
  // The figure of all samples, with its 95% interval over resampled rounds. The same samples give the same interval.
  // Of fewer than two rounds the interval is the value alone; a figure that cannot be told is NaN.
  Interval Estimate(const Formula& formula) const;

 private:
  friend class RoundsView;
  struct Sample {
    double value;
    int round;
  };
  struct Series {
    mutable std::vector<Sample> samples;
    mutable bool sorted = false;  // by value, on the first estimate after an addition
    int64_t discarded = 0;
  };
  Series& Find(std::string_view name);
  const std::vector<Sample>* Sorted(std::string_view name) const;

  std::map<std::string, Series, std::less<>> series_;
  int rounds_ = 0;
};

}  // namespace ose

#endif  // OSEVOLVE_CALIBRATE_SAMPLES_H_
