// Spinner: uses CPU time of the calling thread. It spins in steps and adds up what they take by the wall
// clock; a step that took much longer than a step can was interrupted, and counts for what it should have
// taken. Short runs count work instead.
//
// Not by the clock of the thread's CPU time: reading that makes the kernel account for the running task
// (task_sched_runtime(), update_curr()) and so end its slice as soon as it is used up rather than at the next
// tick. A program that does nothing but compute would not be scheduled as the threads of the load are.
#ifndef OSEVOLVE_LOAD_SPINNER_H_
#define OSEVOLVE_LOAD_SPINNER_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "load/clock.h"

namespace ose {

// How fast this machine spins when nothing disturbs it: the best of several short measurements, in ns
// of CPU time per block of work (kChainLinks dependent multiplications and one cache line). ~5 ms.
double MeasureNsPerBlock();

inline constexpr int kChainLinks = 16;

// Belongs to one thread.
class Spinner {
 public:
  Spinner(double ns_per_block, int64_t working_set_kb);

  // Uses `ns` of CPU time; returns how much it has used, which is less only if `stopped()`, which is
  // asked at least every 200 us, said so. What one call uses too much, or too little, the next ones
  // use less or more, so that sums are true.
  template <class Stopped>
  int64_t Use(int64_t ns, Stopped&& stopped) {
    // No run is cut by more than half to make up for the ones before.
    const double carried = std::max(owed_, static_cast<double>(ns) / -2);
    double want = static_cast<double>(ns) + carried;
    owed_ -= carried;
    int64_t last = want < kShortNs ? 0 : MonoNs();
    for (int steps = 1; want >= kShortNs; ++steps) {
      Spin(step_blocks_);
      const int64_t now = MonoNs(), took = now - last;
      want -= took < kInterruptedNs ? static_cast<double>(took) : kStepNs;
      last = now;
      if (steps % kAskEvery == 0 && stopped()) return std::max<int64_t>(0, ns - static_cast<int64_t>(want));
    }
    const auto blocks = static_cast<int64_t>(std::max(0.0, want) / ns_per_block_);
    Spin(blocks);
    Owe(want - static_cast<double>(blocks) * ns_per_block_);
    return ns;
  }

  void Spin(int64_t blocks);
  int64_t spun() const { return spun_; }  // blocks so far

 private:
  static constexpr double kStepNs = 2'000, kShortNs = 10'000;
  // Three steps: less may be a cold cache, and the shortest interrupts of a virtual machine take longer.
  static constexpr int64_t kInterruptedNs = 6'000;
  static constexpr int kAskEvery = 100;  // steps: about 200 us
  static constexpr double kMaxOwedNs = 1'000'000;
  void Owe(double ns) { owed_ = std::clamp(owed_ + ns, -kMaxOwedNs, kMaxOwedNs); }

  const double ns_per_block_;
  const int64_t step_blocks_;
  double owed_ = 0;
  int64_t spun_ = 0;
  uint64_t chain_ = 1;
  std::vector<unsigned char> working_set_;
  size_t touched_ = 0;
};

}  // namespace ose

#endif  // OSEVOLVE_LOAD_SPINNER_H_
