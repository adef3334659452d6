#include "load/spinner.h"

namespace ose {
namespace {

constexpr size_t kCacheLine = 64;

}  // namespace

Spinner::Spinner(double ns_per_block, int64_t working_set_kb)
    : ns_per_block_(ns_per_block),
      step_blocks_(std::max<int64_t>(1, static_cast<int64_t>(kStepNs / ns_per_block))),
      working_set_(std::max<size_t>(kCacheLine, static_cast<size_t>(working_set_kb) * 1024)) {}

void Spinner::Spin(int64_t blocks) {
  uint64_t x = chain_;
  unsigned char* const lines = working_set_.data();
  const size_t size = working_set_.size();
  size_t at = touched_;
  for (int64_t i = 0; i < blocks; ++i) {
    for (int link = 0; link < kChainLinks; ++link) {
      x = x * 6364136223846793005ULL + 1442695040888963407ULL;  // Knuth's MMIX generator
      asm volatile("" : "+r"(x));                               // each link waits for the one before
    }
    ++lines[at];
    if ((at += kCacheLine) >= size) at = 0;
  }
  chain_ = x;
  spun_ += blocks;
  touched_ = at;
}

double MeasureNsPerBlock() {
  constexpr int kTimes = 20;
  constexpr double kMeasureNs = 200'000;
  Spinner spinner(1, 0);
  int64_t blocks = 1000;
  double best = 1e9;
  for (int i = 0; i < kTimes; ++i) {
    const int64_t begin = ThreadCpuNs();
    spinner.Spin(blocks);
    best = std::min(best, static_cast<double>(std::max<int64_t>(1, ThreadCpuNs() - begin)) / static_cast<double>(blocks));
    blocks = static_cast<int64_t>(kMeasureNs / best) + 1;
  }
  return best;
}

}  // namespace ose
