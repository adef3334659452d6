#include "sim/sample_room.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "workload/program.h"

namespace ose {
namespace {

constexpr double kMost = 1 << 22;  // samples of 8 bytes

// Passes of a group's program in the whole run: what its tasks could do with a CPU each, or all CPUs
// with these tasks alone.
double Passes(const Workload& w, const Group& group, const PassTotals& pass, int cpus) {
  const double horizon = static_cast<double>(w.horizon.v), count = group.count;
  if (group.arrivals.kind != Arrivals::Kind::kNone) {
    const double requests = ArrivalRate(w, group, cpus) * horizon / 1e9;
    return requests + 6 * std::sqrt(requests) + 16;  // six standard deviations of a Poisson process
  }
  if (!group.repeat) return count;
  double passes = kMost;
  if (pass.work + pass.sleep > 0) passes = std::min(passes, count * horizon / (pass.work + pass.sleep));
  if (pass.work > 0) passes = std::min(passes, cpus * horizon / pass.work);
  if (pass.drawn) passes = passes * 1.05 + 6 * std::sqrt(passes);
  return passes + 2 * count;
}

}  // namespace

std::vector<SampleRoom> RoomForSamples(const Workload& w, int cpus) {
  struct Want {
    double events, wakeups;
  };
  std::vector<Want> wants;
  double total = 0;
  for (const Group& group : w.groups) {
    const PassTotals pass = TotalsOfPass(w, group);
    const double passes = Passes(w, group, pass, cpus);
    wants.push_back({passes * pass.events, passes * (pass.blocks + pass.locks + pass.full + 1) + group.count});
    total += 3 * wants.back().events + wants.back().wakeups;
  }
  const double share = total > kMost ? kMost / total : 1;
  std::vector<SampleRoom> room;
  for (const Want& want : wants)
    room.push_back({static_cast<size_t>(std::ceil(want.events * share)), static_cast<size_t>(std::ceil(want.wakeups * share))});
  return room;
}

}  // namespace ose
