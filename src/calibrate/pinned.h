// What probes are made of: pinned threads, and repetitions that know whether they were disturbed.
#ifndef OSEVOLVE_CALIBRATE_PINNED_H_
#define OSEVOLVE_CALIBRATE_PINNED_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "base/time.h"
#include "calibrate/samples.h"
#include "load/clock.h"

namespace ose {

// The calling thread to one CPU. False when it may not be there.
bool PinTo(int cpu);

// As whoever makes it; 19 nice steps below, which keeps it from preempting him when it wakes up; SCHED_IDLE.
enum class ThreadClass { kNormal, kLow, kIdle };

// A thread on one CPU, joined on destruction; whoever makes it tells it to stop before that.
class PinnedThread {
 public:
  PinnedThread(int cpu, ThreadClass kind, std::function<void()> body);
  ~PinnedThread() { thread_.join(); }
  PinnedThread(const PinnedThread&) = delete;
  PinnedThread& operator=(const PinnedThread&) = delete;

 private:
  std::thread thread_;
};

// The calling thread on its CPU and another one on `other` act in turn, each having seen that the other is through: ns of
// half such a round, of `trips` rounds a sample of `series`, until `end` (MonoNs). An empty action does nothing.
void TakeTurns(int other, int64_t end, uint32_t trips, const std::function<void()>& mine, const std::function<void()>& theirs,
               const std::string& series, Samples* samples);

// How often the calling thread was switched out against its will.
int64_t Preemptions();

// One repetition on the calling thread, from construction to End().
class Repetition {
 public:
  // `whose`: CLOCK_THREAD_CPUTIME_ID when the thread runs alone, CLOCK_PROCESS_CPUTIME_ID when threads of this process
  // take turns on its CPU and the others sleep.
  explicit Repetition(clockid_t whose = CLOCK_THREAD_CPUTIME_ID)
      : whose_(whose), preemptions_(Preemptions()), cpu_(ClockNs(whose)), begin_(MonoNs()) {}
  // Time that passed, in ns.
  int64_t End() {
    wall_ = MonoNs() - begin_;
    const int64_t cpu = ClockNs(whose_) - cpu_;
    // What a clock of CPU time does not have is time that the hypervisor or another process took.
    clean_ = wall_ - cpu <= wall_ / 32 + kSlackNs && (whose_ != CLOCK_THREAD_CPUTIME_ID || Preemptions() == preemptions_);
    return wall_;
  }
  bool clean() const { return clean_; }

 private:
  static constexpr int64_t kSlackNs = 2'000;
  const clockid_t whose_;
  int64_t preemptions_, cpu_, begin_, wall_ = 0;
  bool clean_ = false;
};

inline void SpinUntil(int64_t due) {
  while (MonoNs() < due) {
  }
}

// The usual time between two readings of the clock, in ns.
int64_t ClockReadNs();

}  // namespace ose

#endif  // OSEVOLVE_CALIBRATE_PINNED_H_
