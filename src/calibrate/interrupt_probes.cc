// What a spinning thread sees of interrupts, ticks and everything else.
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "base/fd.h"
#include "calibrate/gaps.h"
#include "calibrate/pinned.h"
#include "calibrate/probes.h"

namespace ose {
namespace {

// The longest of the gaps that begin within [from, to]; none: length 0.
Gap LongestIn(const std::vector<Gap>& gaps, int64_t from, int64_t to) {
  Gap longest;
  for (const Gap& g : gaps)
    if (g.begin >= from && g.begin <= to && g.length > longest.length) longest = g;
  return longest;
}

bool Membarrier(int command) { return syscall(SYS_membarrier, command, 0, 0) == 0; }

// A thread of the other CPU reads the clock; each barrier stops it by an interrupt.
void ProbeIpi(const ProbeBench& bench, int64_t read, Samples* samples) {
  if (bench.other == bench.home || !Membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)) return;
  struct Sent {
    int64_t begin, end;
  };
  std::vector<Sent> sent;
  GapFinder finder(read, 3 * read);
  std::atomic<bool> stop{false}, spinning{false};
  {
    PinnedThread target(bench.other, ThreadClass::kNormal, [&] {
      spinning = true;
      while (!stop.load(std::memory_order_relaxed)) finder.See(MonoNs());
    });
    while (!spinning) usleep(20);
    const int64_t end = MonoNs() + bench.slice.v / 2;
    do {
      SpinUntil(MonoNs() + 50'000);
      const int64_t begin = MonoNs();
      Membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
      sent.push_back({begin, MonoNs()});
    } while (MonoNs() < end);
    stop = true;
  }
  for (const Sent& s : sent) {
    const Gap g = LongestIn(finder.gaps(), s.begin, s.end);
    if (g.length > 0) {
      samples->Add("ipi_latency", static_cast<double>(g.begin - s.begin));
      samples->Add("ipi_gap", static_cast<double>(g.length));
      samples->Add("ipi_round", static_cast<double>(s.end - s.begin));
    } else {
      samples->Discard("ipi_latency");  // it was not running
    }
  }
}

void ProbeTimer(const ProbeBench& bench, int64_t read, Samples* samples) {
  constexpr int64_t kAheadNs = 60'000, kLateNs = 100'000;
  const Fd timer(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!timer) return;
  const int64_t end = MonoNs() + bench.slice.v / 2;
  do {
    const int64_t preemptions = Preemptions();
    const int64_t due = MonoNs() + kAheadNs;
    const itimerspec at{{0, 0}, ToTimespec(due)};
    timerfd_settime(timer.get(), TFD_TIMER_ABSTIME, &at, nullptr);
    GapFinder finder(read, 3 * read);
    int64_t now;
    do finder.See(now = MonoNs());
    while (now < due + kLateNs);
    const Gap g = LongestIn(finder.gaps(), due - kAheadNs / 2, due + kLateNs / 2);
    if (g.length > 0 && Preemptions() == preemptions) samples->Add("timer_gap", static_cast<double>(g.length));
    else samples->Discard("timer_gap");
  } while (MonoNs() < end);
}

}  // namespace

void ProbeInterrupts(const ProbeBench& bench, Samples* samples) {
  PinTo(bench.home);
  const int64_t read = ClockReadNs();
  ProbeIpi(bench, read, samples);
  ProbeTimer(bench, read, samples);
}

void ProbeNoise(const ProbeBench& bench, Samples* samples) {
  constexpr int64_t kNoticeNs = 1'000;  // as in the FTQ and osnoise tests: less is the machine's own jitter
  PinTo(bench.home);
  const int64_t read = ClockReadNs();
  GapFinder finder(read, std::max(kNoticeNs, 5 * read));
  constexpr int64_t kTicks = 6;  // enough to know them by their rhythm
  const int64_t begin = MonoNs(), end = begin + std::max(bench.slice.v, kTicks * bench.tick.v);
  int64_t now;
  do finder.See(now = MonoNs());
  while (now < end);
  const std::vector<bool> ticks = AreTicks(finder.gaps(), bench.tick);
  double lost = 0, count = 0;
  for (size_t i = 0; i < ticks.size(); ++i) {
    const auto length = static_cast<double>(finder.gaps()[i].length);
    samples->Add(ticks[i] ? "tick_gap" : "noise_gap", length);
    if (ticks[i]) continue;
    lost += length;
    ++count;
  }
  const auto time = static_cast<double>(now - begin);
  samples->Add("noise_rate", count / time * 1e9);
  samples->Add("noise_share", lost / time);
}

std::vector<int64_t> ProbeTurns(const ProbeBench& bench, Nanos time) {
  PinTo(bench.home);
  std::atomic<int> last{0};
  std::atomic<bool> stop{false};
  std::vector<int64_t> turns;
  const int64_t end = MonoNs() + time.v;
  {
    // Both are on one CPU and notice a turn when they run again.
    PinnedThread partner(bench.home, ThreadClass::kNormal, [&] {
      while (!stop.load(std::memory_order_relaxed))
        if (last.load(std::memory_order_relaxed) != 2) last.store(2, std::memory_order_relaxed);
    });
    int64_t now;
    do {
      now = MonoNs();
      if (last.load(std::memory_order_relaxed) == 1) continue;
      last.store(1, std::memory_order_relaxed);
      turns.push_back(now);
    } while (now < end);
    stop = true;
  }
  if (!turns.empty()) turns.erase(turns.begin());  // the start is no turn
  return turns;
}

}  // namespace ose
