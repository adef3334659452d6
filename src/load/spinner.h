// Spinner: uses CPU time of the calling thread, by the clock of its CPU time where that is precise
// enough and by counted work where it is not.
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
    const double want = static_cast<double>(ns) + carried;
    owed_ -= carried;
    if (want < kShortNs) {
      // Reading the clock of a thread's CPU time is a system call: for so short a run, too dear.
      const auto blocks = static_cast<int64_t>(want / ns_per_block_);
      Spin(blocks);
      Owe(want - static_cast<double>(blocks) * ns_per_block_);
      return ns;
    }
    const int64_t begin = ThreadCpuNs();
    while (true) {
      const double rest = want - static_cast<double>(ThreadCpuNs() - begin);
      if (rest < ns_per_block_) {
        Owe(rest);
        return ns;
      }
      if (stopped()) return std::max<int64_t>(0, ns - static_cast<int64_t>(rest));
      const double chunk = rest > kLastNs ? std::min(rest * 0.9, kChunkNs) : rest;
      Spin(std::max<int64_t>(1, static_cast<int64_t>(chunk / ns_per_block_)));
    }
  }

  void Spin(int64_t blocks);
  int64_t spun() const { return spun_; }  // blocks so far

 private:
  static constexpr double kShortNs = 50'000, kChunkNs = 200'000, kLastNs = 2'000;
  // More than this is not the spinner's error but time that a hypervisor took.
  static constexpr double kMaxOwedNs = 1'000'000;
  void Owe(double ns) { owed_ = std::clamp(owed_ + ns, -kMaxOwedNs, kMaxOwedNs); }

  const double ns_per_block_;
  double owed_ = 0;
  int64_t spun_ = 0;
  uint64_t chain_ = 1;
  std::vector<unsigned char> working_set_;
  size_t touched_ = 0;
};

}  // namespace ose

#endif  // OSEVOLVE_LOAD_SPINNER_H_
