// Gaps: what a thread that only reads the clock sees of everything else that its CPU does.
#ifndef OSEVOLVE_CALIBRATE_GAPS_H_
#define OSEVOLVE_CALIBRATE_GAPS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "base/time.h"

namespace ose {

struct Gap {
  int64_t begin = 0;   // ns on the clock that was read: the last read before it
  int64_t length = 0;  // ns, less what a read takes
};

// Pairs of successive readings further apart than `threshold` are gaps; `read` is what a reading usually takes.
class GapFinder {
 public:
  GapFinder(int64_t read, int64_t threshold) : read_(read), threshold_(threshold) {}
  void See(int64_t now) {
    if (now - last_ > threshold_ && last_ != 0) [[unlikely]] gaps_.push_back({last_, now - last_ - read_});
    last_ = now;
  }
  const std::vector<Gap>& gaps() const { return gaps_; }

 private:
  const int64_t read_, threshold_;
  int64_t last_ = 0;
  std::vector<Gap> gaps_;
};

// Which of the gaps are the tick's: those whose begin, modulo the tick, is within `window` of where most are. Of
// fewer than four gaps, or when no tenth of the tick holds three times its share, none. Timer ticks of a busy CPU
// come each 1/CONFIG_HZ at a phase that stays.
std::vector<bool> AreTicks(std::span<const Gap> gaps, Nanos tick);

// How well a period explains points in time: the length of the mean of the unit vectors at their phases, from 0
// (anywhere) to 1 (always the same phase) (Rayleigh). 0 of no points.
double PhaseLock(std::span<const int64_t> times, int64_t period);

// The longest of the usual ticks (CONFIG_HZ 100, 250, 300, 1000) that the points lock to with at least 0.9 (a tick of
// 1 ms locks to what happens each 4 ms too, so the longest). 0 when none does, or of fewer than eight points.
Nanos TickOf(std::span<const int64_t> times);

}  // namespace ose

#endif  // OSEVOLVE_CALIBRATE_GAPS_H_
