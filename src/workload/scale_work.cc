#include "workload/scale_work.h"

#include <cmath>
#include <map>

namespace ose {

Dist Scaled(Dist d, double factor) {
  d.a *= factor;
  if (d.kind == Dist::Kind::kUniform) d.b *= factor;  // elsewhere b has no unit
  for (double& v : d.value) v *= factor;
  return d;
}

Workload ScaleWork(Workload w, double factor) {
  std::map<uint32_t, uint32_t> scaled;  // a distribution may also be that of a sleep
  for (Group& g : w.groups) {
    for (Op& op : g.program) {
      if (op.kind != OpKind::kRun) continue;
      if (!op.drawn) {
        op.ns = std::llround(static_cast<double>(op.ns) * factor);
        continue;
      }
      const auto [it, added] = scaled.try_emplace(op.object, static_cast<uint32_t>(w.dists.size()));
      if (added) w.dists.push_back(Scaled(w.dists[op.object], factor));
      op.object = it->second;
    }
  }
  return w;
}

}  // namespace ose
