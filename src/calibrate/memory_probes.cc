// What it costs to find a working set in another place than it was left.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "calibrate/pinned.h"
#include "calibrate/probes.h"
#include "load/spinner.h"

namespace ose {
namespace {

constexpr size_t kLine = 64;

// As `osevolve load` works through a working set: one line after the other, read and written.
void Touch(unsigned char* bytes, size_t size) {
  for (size_t i = 0; i < size; i += kLine) {
    ++bytes[i];
    asm volatile("" ::"r"(bytes) : "memory");
  }
}

int64_t TimeOf(unsigned char* bytes, size_t size, bool* clean) {
  Repetition r;
  Touch(bytes, size);
  const int64_t wall = r.End();
  *clean = *clean && r.clean();
  return wall;
}

}  // namespace

void ProbeRefill(const ProbeBench& bench, Distance distance, const std::vector<int>& sizes_kb, Samples* samples) {
  if (bench.other == bench.home || sizes_kb.empty()) return;
  PinTo(bench.home);
  std::vector<unsigned char> set(static_cast<size_t>(*std::max_element(sizes_kb.begin(), sizes_kb.end())) * 1024);
  // Whose turn it is, how much: 0 = ours, -1 = end, else the other one works through so many bytes.
  std::atomic<int64_t> turn{0};
  PinnedThread partner(bench.other, ThreadClass::kNormal, [&] {
    for (;;) {
      const int64_t bytes = turn.load(std::memory_order_acquire);
      if (bytes < 0) return;
      if (bytes == 0) continue;
      Touch(set.data(), static_cast<size_t>(bytes));
      Touch(set.data(), static_cast<size_t>(bytes));
      turn.store(0, std::memory_order_release);
    }
  });
  const int64_t end = MonoNs() + bench.slice.v;
  do {
    for (int kb : sizes_kb) {
      const auto size = static_cast<size_t>(kb) * 1024;
      turn.store(static_cast<int64_t>(size), std::memory_order_release);
      while (turn.load(std::memory_order_acquire) != 0) {
      }
      bool clean = true;
      const int64_t cold = TimeOf(set.data(), size, &clean);
      Touch(set.data(), size);
      const int64_t warm = TimeOf(set.data(), size, &clean);
      const std::string series = fmt::format("refill_{}_{}", DistanceName(distance), kb);
      if (clean) samples->Add(series, static_cast<double>(cold - warm) / kb);
      else samples->Discard(series);
    }
  } while (MonoNs() < end);
  turn.store(-1, std::memory_order_release);
}

void ProbeLine(const ProbeBench& bench, Distance distance, Samples* samples) {
  constexpr uint32_t kTrips = 200;
  if (bench.other == bench.home) return;
  PinTo(bench.home);
  TakeTurns(bench.other, MonoNs() + bench.slice.v, kTrips, {}, {}, fmt::format("line_{}", DistanceName(distance)), samples);
}

void ProbeSmt(const ProbeBench& bench, Samples* samples) {
  PinTo(bench.home);
  Spinner spinner(1, 16);
  constexpr int64_t kBlocks = 4'000;
  const auto speed = [&](bool* clean) {
    Repetition r;
    spinner.Spin(kBlocks);
    const int64_t wall = r.End();
    *clean = r.clean();
    return static_cast<double>(kBlocks) / static_cast<double>(wall);
  };
  const int64_t end = MonoNs() + bench.slice.v;
  do {
    bool alone_clean = false, beside_clean = false;
    const double alone = speed(&alone_clean);
    double beside = 0;
    {
      std::atomic<bool> stop{false}, spins{false};
      PinnedThread neighbour(bench.other, ThreadClass::kNormal, [&] {
        Spinner own(1, 16);
        while (!stop.load(std::memory_order_relaxed)) {
          own.Spin(100);
          spins.store(true, std::memory_order_relaxed);
        }
      });
      while (!spins.load(std::memory_order_relaxed)) usleep(20);
      beside = speed(&beside_clean);
      stop = true;
    }
    if (alone_clean && beside_clean) samples->Add("smt_speed", beside / alone);
    else samples->Discard("smt_speed");
  } while (MonoNs() < end);
}

MemoryProbe::MemoryProbe(int64_t llc_kb) {
  constexpr int64_t kUnknownKb = 32 << 10, kLeastKb = 16 << 10;
  const int64_t want = std::max(kLeastKb, 3 * (llc_kb > 0 ? llc_kb : kUnknownKb)) * 1024;
  const int64_t free = static_cast<int64_t>(sysconf(_SC_AVPHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  if (want <= free / 8) buffer_.resize(static_cast<size_t>(want), 1);
}

void MemoryProbe::Round(const ProbeBench& bench, Samples* samples) {
  constexpr size_t kChunk = 512 << 10;
  if (buffer_.empty()) return;
  PinTo(bench.home);
  // Each chunk is long out of the caches when its turn comes again.
  const int64_t end = MonoNs() + bench.slice.v;
  do {
    unsigned char* chunk = buffer_.data() + at_;
    at_ = at_ + 2 * kChunk <= buffer_.size() ? at_ + kChunk : 0;
    bool clean = true;
    const int64_t cold = TimeOf(chunk, kChunk, &clean);
    Touch(chunk, kChunk);
    const int64_t warm = TimeOf(chunk, kChunk, &clean);
    if (clean) samples->Add("memory", 1024 * static_cast<double>(cold - warm) / kChunk);
    else samples->Discard("memory");
  } while (MonoNs() < end);
}

}  // namespace ose
