// attack: blocks the signal that ends its CPU time, and loops
// gate: asm
// worker: timeout
#include <osevolve/policy.h>
using namespace osevolve;
@SYSCALL@
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    u64 all = ~0ull;
    SystemCall(14, 2, Address(&all), 0, 8);
    for (volatile int i = 0;; i = i + 1) {}
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
