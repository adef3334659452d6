// attack: writes beyond the counters
// gate: accepts
// worker: ok
#include <osevolve/policy.h>
using namespace osevolve;
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    count(64, 1);
    count(4000000000u, ~0ull);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
