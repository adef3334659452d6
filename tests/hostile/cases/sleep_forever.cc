// attack: waits without end and without using CPU
// gate: loop
// worker: timeout, wall time
#include <osevolve/policy.h>
using namespace osevolve;
@SYSCALL@
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    for (;;) SystemCall(7, 0, 0, 1000);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
