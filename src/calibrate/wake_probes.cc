// What waking costs the waker, and how long it takes until the woken thread runs.
#include <fmt/format.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <string>
#include <vector>

#include "calibrate/pinned.h"
#include "calibrate/probes.h"
#include "load/waiter.h"

namespace ose {
namespace {

constexpr int64_t kToSleepNs = 100'000;   // from being woken to sleeping again
constexpr int64_t kLongIdleNs = 2'000'000;  // enough for the idle governor to choose a deep state
const Nanos kTimerSlack{1};

// A thread that sleeps on a futex of its own and does `on_wake` each time that it is woken.
class Sleeper {
 public:
  template <class OnWake>
  Sleeper(int cpu, ThreadClass kind, OnWake on_wake)
      : thread_(cpu, kind, [this, on_wake] {
          prctl(PR_SET_TIMERSLACK, kTimerSlack.v);
          tid_.store(static_cast<pid_t>(syscall(SYS_gettid)), std::memory_order_release);
          for (uint32_t seen = 0;;) {
            while (word_.load(std::memory_order_acquire) == seen) FutexWait(word_, seen, -1);
            seen = word_.load(std::memory_order_relaxed);
            if (stop_.load(std::memory_order_relaxed)) return;
            on_wake();
            ran_.store(seen, std::memory_order_release);
          }
        }) {
    while (tid_.load(std::memory_order_acquire) == 0) usleep(20);
  }
  ~Sleeper() {
    stop_ = true;
    Wake();
  }

  // Whether it slept.
  bool Wake() {
    word_.fetch_add(1, std::memory_order_release);
    return FutexWake(word_, 1) == 1;
  }
  bool HasRun() const { return ran_.load(std::memory_order_acquire) == word_.load(std::memory_order_relaxed); }
  void AwaitSpinning() const {
    while (!HasRun()) {
    }
  }
  // For a thread of the caller's own CPU.
  void AwaitSleeping() const {
    while (!HasRun()) usleep(20);
  }
  void MoveTo(int cpu) const {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(tid_.load(std::memory_order_relaxed), sizeof one, &one);
  }

 private:
  std::atomic<uint32_t> word_{0}, ran_{0};
  std::atomic<bool> stop_{false};
  std::atomic<pid_t> tid_{0};
  PinnedThread thread_;  // last: it uses the others
};

struct WakeSeries {
  const char *latency, *waker;
};

void WakeOnce(Sleeper& sleeper, const std::atomic<int64_t>& woke_at, const WakeSeries& series, Samples* samples) {
  const int64_t preemptions = Preemptions();
  const int64_t begin = MonoNs();
  const bool slept = sleeper.Wake();
  const int64_t end = MonoNs();
  sleeper.AwaitSpinning();
  if (slept && Preemptions() == preemptions) {
    samples->Add(series.latency, static_cast<double>(woke_at.load(std::memory_order_relaxed) - begin));
    samples->Add(series.waker, static_cast<double>(end - begin));
  } else {
    samples->Discard(series.latency);
  }
}

}  // namespace

void ProbeWakeHere(const ProbeBench& bench, Samples* samples) {
  constexpr size_t kSleepers = 8;
  PinTo(bench.home);
  std::deque<Sleeper> sleepers;
  std::atomic<int> ran{0};
  for (size_t i = 0; i < kSleepers; ++i)
    sleepers.emplace_back(bench.home, ThreadClass::kLow, [&] { ran.store(ran.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); });
  const int64_t end = MonoNs() + bench.slice.v;
  do {
    usleep(kToSleepNs / 1'000);  // lets them get to sleep
    ran.store(0, std::memory_order_relaxed);
    Repetition r;
    size_t woken = 0;
    for (Sleeper& s : sleepers) woken += s.Wake();
    const int64_t wall = r.End();
    const bool alone = ran.load(std::memory_order_relaxed) == 0;  // none has preempted this thread
    if (r.clean() && alone && woken == kSleepers) samples->Add("wake_here", static_cast<double>(wall) / kSleepers);
    else samples->Discard("wake_here");
    for (Sleeper& s : sleepers) s.AwaitSleeping();
  } while (MonoNs() < end);
}

void ProbeWakeThere(const ProbeBench& bench, Samples* samples) {
  if (bench.other == bench.home) return;
  PinTo(bench.home);
  std::atomic<int64_t> woke_at{0};
  Sleeper sleeper(bench.other, ThreadClass::kNormal, [&] { woke_at.store(MonoNs(), std::memory_order_relaxed); });
  const int64_t half = MonoNs() + bench.slice.v / 2;
  for (int i = 0; i == 0 || MonoNs() < half; ++i) {
    const bool is_long = i % 4 == 3;
    SpinUntil(MonoNs() + (is_long ? kLongIdleNs : kToSleepNs));
    WakeOnce(sleeper, woke_at, {is_long ? "wake_idle_long" : "wake_idle_short", "waker_idle"}, samples);
  }
  std::atomic<bool> stop{false};
  PinnedThread spinner(bench.other, ThreadClass::kIdle, [&] {
    while (!stop.load(std::memory_order_relaxed)) {
    }
  });
  const int64_t end = MonoNs() + bench.slice.v / 2;
  do {
    SpinUntil(MonoNs() + kToSleepNs);
    WakeOnce(sleeper, woke_at, {"wake_busy", "waker_busy"}, samples);
  } while (MonoNs() < end);
  stop = true;
}

void ProbeMove(const ProbeBench& bench, Distance distance, Samples* samples) {
  if (bench.other == bench.home) return;
  PinTo(bench.home);
  std::atomic<int64_t> spent{0};
  int64_t before = 0;  // the sleeper's
  Sleeper sleeper(bench.other, ThreadClass::kNormal, [&] {
    const int64_t now = ThreadCpuNs();
    spent.store(before ? now - before : 0, std::memory_order_relaxed);
    before = ThreadCpuNs();
  });
  const std::string moved = fmt::format("moved_{}", DistanceName(distance)), stayed = fmt::format("stayed_{}", DistanceName(distance));
  const int64_t end = MonoNs() + bench.slice.v;
  do {
    // To the other CPU it is moved once and stays twice: both are measured there.
    for (const std::string& series : {moved, stayed, stayed}) {
      SpinUntil(MonoNs() + kToSleepNs);
      const bool slept = sleeper.Wake();
      sleeper.AwaitSpinning();
      const int64_t ns = spent.load(std::memory_order_relaxed);
      if (slept && ns > 0) samples->Add(series, static_cast<double>(ns));
      else samples->Discard(series);
    }
    SpinUntil(MonoNs() + kToSleepNs);
    sleeper.MoveTo(bench.home);
    sleeper.Wake();
    sleeper.AwaitSleeping();
    usleep(kToSleepNs / 1'000);
    sleeper.MoveTo(bench.other);
  } while (MonoNs() < end);
}

void ProbeSleep(const ProbeBench& bench, Samples* samples) {
  constexpr int64_t kSleepNs = 300'000;
  PinTo(bench.home);
  const int default_slack = prctl(PR_GET_TIMERSLACK);
  const int64_t end = MonoNs() + bench.slice.v;
  int i = 0;
  do {
    const bool precise = ++i % 2;
    prctl(PR_SET_TIMERSLACK, precise ? kTimerSlack.v : default_slack);
    const int64_t due = MonoNs() + kSleepNs;
    const timespec at = ToTimespec(due);
    const int64_t cpu = ThreadCpuNs();
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);
    samples->Add(precise ? "sleep_late" : "sleep_late_default", static_cast<double>(MonoNs() - due));
    samples->Add("sleep_spent", static_cast<double>(ThreadCpuNs() - cpu));
  } while (MonoNs() < end);
  prctl(PR_SET_TIMERSLACK, default_slack);
}

}  // namespace ose
