#include "calibrate/pinned.h"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace ose {

bool PinTo(int cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  return sched_setaffinity(0, sizeof one, &one) == 0;
}

PinnedThread::PinnedThread(int cpu, ThreadClass kind, std::function<void()> body)
    : thread_([cpu, kind, run = std::move(body)] {
        PinTo(cpu);
        const sched_param none{};
        if (kind == ThreadClass::kIdle) sched_setscheduler(0, SCHED_IDLE, &none);
        if (kind == ThreadClass::kLow) setpriority(PRIO_PROCESS, 0, std::min(19, getpriority(PRIO_PROCESS, 0) + 19));
        run();
      }) {}

void TakeTurns(int other, int64_t end, uint32_t trips, const std::function<void()>& mine, const std::function<void()>& theirs,
               const std::string& series, Samples* samples) {
  // Even numbers are ours to raise, odd ones the partner's.
  alignas(64) std::atomic<uint32_t> turn{0};
  std::atomic<bool> stop{false};
  PinnedThread partner(other, ThreadClass::kNormal, [&] {
    while (!stop.load(std::memory_order_relaxed)) {
      const uint32_t seen = turn.load(std::memory_order_acquire);
      if (seen % 2 == 0) continue;
      if (theirs) theirs();
      turn.store(seen + 1, std::memory_order_release);
    }
  });
  do {
    Repetition r;
    for (uint32_t i = 0; i < trips; ++i) {
      const uint32_t seen = turn.load(std::memory_order_relaxed);
      if (mine) mine();
      turn.store(seen + 1, std::memory_order_release);
      while (turn.load(std::memory_order_acquire) != seen + 2) {
      }
    }
    const int64_t wall = r.End();
    if (r.clean()) samples->Add(series, static_cast<double>(wall) / (2 * trips));
    else samples->Discard(series);
  } while (MonoNs() < end);
  stop = true;
}

int64_t Preemptions() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nivcsw;
}

int64_t ClockReadNs() {
  std::array<int64_t, 201> reads;
  int64_t last = MonoNs();
  for (int64_t& r : reads) {
    const int64_t now = MonoNs();
    r = now - std::exchange(last, now);
  }
  std::nth_element(reads.begin(), reads.begin() + reads.size() / 2, reads.end());
  return std::max<int64_t>(1, reads[reads.size() / 2]);
}

}  // namespace ose
