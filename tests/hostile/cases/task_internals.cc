// attack: reads the simulator behind a task, where the future is
// gate: cast
// worker: ok
#include <osevolve/policy.h>
using namespace osevolve;
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    u64 sum = 0;
    const u64* future = reinterpret_cast<const u64*>(t.p);
    for (int i = 0; i < 16; ++i) sum += future[i];
    count(1, sum);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
