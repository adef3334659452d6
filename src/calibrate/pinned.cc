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
