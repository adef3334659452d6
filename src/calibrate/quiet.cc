#include "calibrate/quiet.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/file.h"

namespace ose {
namespace {

Nanos OwnCpuTime() {
  Nanos sum{0};
  for (int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage u{};
    getrusage(who, &u);
    for (const timeval& t : {u.ru_utime, u.ru_stime}) sum += Nanos::Seconds(t.tv_sec) + Nanos::Micros(t.tv_usec);
  }
  return sum;
}

}  // namespace

CpuTimes ReadCpuTimes() {
  auto text = ReadFile("/proc/stat", 1 << 20);
  return text.ok() ? ParseCpuTimes(*text) : CpuTimes{};
}

CpuTimes ParseCpuTimes(std::string_view stat) {
  if (!stat.starts_with("cpu ")) return {};
  std::array<int64_t, 8> v{};  // user nice system idle iowait irq softirq steal
  const char *at = stat.data() + 4, *end = stat.data() + std::min(stat.find('\n'), stat.size());
  for (int64_t& x : v) {
    while (at < end && *at == ' ') ++at;
    const auto read = std::from_chars(at, end, x);
    if (read.ec != std::errc()) break;
    at = read.ptr;
  }
  return {v[0] + v[1] + v[2] + v[5] + v[6], v[3] + v[4], v[7]};
}

Quietness Between(const CpuTimes& begin, const CpuTimes& end, Nanos own, Nanos wall) {
  constexpr double kUserHz = 100;
  const double s = std::max(wall.s(), 1e-9);
  return {std::max(0.0, static_cast<double>(end.busy - begin.busy) / kUserHz - own.s()) / s, static_cast<double>(end.steal - begin.steal) / kUserHz / s, 0};
}

std::string Quietness::Text() const {
  return fmt::format("other processes used {:.2f} CPUs, the hypervisor took {:.2f}, and a spinning thread lost {:.1f}% of its time", others, steal, 100 * lost);
}

QuietWatch::QuietWatch() : begin_(ReadCpuTimes()), own_(OwnCpuTime()), start_(MonotonicNow()) {}

Quietness QuietWatch::SinceStart() const { return Between(begin_, ReadCpuTimes(), OwnCpuTime() - own_, MonotonicNow() - start_); }

}  // namespace ose
