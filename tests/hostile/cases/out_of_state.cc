// attack: writes far past the end of its state
// gate: bounds
// worker: crash
#include <osevolve/policy.h>
using namespace osevolve;
struct S { u64 a[4]; };
struct P : Policy<S> {
  void enqueue(Task t, u64 flags) {
    t->a[t.run_total() + (1ull << 40)] = 1;
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
