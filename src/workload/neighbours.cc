#include "workload/neighbours.h"

#include <algorithm>
#include <set>

#include "workload/scale_work.h"

namespace ose {
namespace {

// By barrier, the tasks whose programs name it.
std::vector<int> Parties(const Workload& w) {
  std::vector<int> parties(w.barriers.size());
  for (const Group& g : w.groups) {
    std::set<uint32_t> named;
    for (const Op& op : g.program)
      if (op.kind == OpKind::kBarrier) named.insert(op.object);
    for (uint32_t b : named) parties[b] += g.count;
  }
  return parties;
}

Workload WithThreads(Workload w, bool more) {
  const std::vector<int> before = Parties(w);
  for (Group& g : w.groups)
    if (g.count > 1) g.count = more ? 2 * g.count : (g.count + 1) / 2;
  // A barrier for all who name it stays one.
  const std::vector<int> after = Parties(w);
  for (size_t i = 0; i < w.barriers.size(); ++i)
    if (w.barriers[i].parties == before[i]) w.barriers[i].parties = after[i];
  return w;
}

}  // namespace

std::vector<Neighbour> Neighbours(const Workload& workload, int cpus) {
  std::vector<Neighbour> all;
  all.push_back({"work x0.5", ScaleWork(workload, 0.5)});
  all.push_back({"work x2", ScaleWork(workload, 2)});
  all.push_back({"threads x0.5", WithThreads(workload, false)});
  all.push_back({"threads x2", WithThreads(workload, true)});
  if (const double load = OfferedLoad(workload, cpus); load > 0) {
    for (auto [name, factor] : {std::pair{"load -20%", 0.8}, {"load +10%", 1.1}}) {
      if (factor > 1 && load * factor >= 0.98) continue;
      Workload w = workload;
      ScaleArrivals(w, factor);
      all.push_back({name, std::move(w)});
    }
  }
  std::vector<Neighbour> out;
  for (Neighbour& n : all) {
    // As the file would say it, so that what a worker is sent is what was checked.
    Result<Workload> checked = ParseWorkload(FormatWorkload(n.workload), n.name);
    if (checked.ok() && !(*checked == workload)) out.push_back({n.name, std::move(*checked)});
  }
  return out;
}

}  // namespace ose
