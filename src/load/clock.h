// The two clocks of a real run, in nanoseconds.
#ifndef OSEVOLVE_LOAD_CLOCK_H_
#define OSEVOLVE_LOAD_CLOCK_H_

#include <time.h>

#include <cstdint>

namespace ose {

inline int64_t ClockNs(clockid_t clock) {
  timespec ts{};
  clock_gettime(clock, &ts);
  return static_cast<int64_t>(ts.tv_sec) * 1'000'000'000 + ts.tv_nsec;
}

inline timespec ToTimespec(int64_t ns) { return {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000}; }

// Time, the same on all CPUs; futex time-outs are on this clock.
inline int64_t MonoNs() { return ClockNs(CLOCK_MONOTONIC); }
// CPU time that the calling thread has used.
inline int64_t ThreadCpuNs() { return ClockNs(CLOCK_THREAD_CPUTIME_ID); }

}  // namespace ose

#endif  // OSEVOLVE_LOAD_CLOCK_H_
