// attack: inserts a task into queues without end
// gate: accepts
// worker: rule
#include <osevolve/policy.h>
using namespace osevolve;
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    for_n(65536, [&](s32 i) { t.insert(kDsqGlobal, kSliceDefault, flags + static_cast<u64>(i & 0)); });
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
