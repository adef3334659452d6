// Quietness: what else this machine did meanwhile, from /proc/stat and from what a spinning thread lost.
#ifndef OSEVOLVE_CALIBRATE_QUIET_H_
#define OSEVOLVE_CALIBRATE_QUIET_H_

#include <string>
#include <string_view>

#include "base/time.h"

namespace ose {

// Sums over all CPUs since the start of the machine, in USER_HZ (1/100 s).
struct CpuTimes {
  int64_t busy = 0, idle = 0, steal = 0;
};
// The first line of /proc/stat (proc_stat(5)); zeros when it is none.
CpuTimes ParseCpuTimes(std::string_view stat);
CpuTimes ReadCpuTimes();

struct Quietness {
  double others = 0;  // CPUs that other processes used, on average
  double steal = 0;   // CPUs that the hypervisor gave to somebody else
  // Part of a spinning thread's time that gaps took: also what no counter of this machine knows, as when an emulator's
  // host has other work.
  double lost = 0;
  // Less than a fiftieth of a CPU each.
  bool quiet() const { return others < 0.02 && steal < 0.02 && lost < 0.02; }
  // "other processes used 1.34 CPUs, the hypervisor took 0.01, and a spinning thread lost 2.0% of its time"
  std::string Text() const;
};

// `own`: CPU time of this process and its children between the two.
Quietness Between(const CpuTimes& begin, const CpuTimes& end, Nanos own, Nanos wall);

class QuietWatch {
 public:
  QuietWatch();
  Quietness SinceStart() const;

 private:
  CpuTimes begin_;
  Nanos own_{0}, start_{0};
};

}  // namespace ose

#endif  // OSEVOLVE_CALIBRATE_QUIET_H_
