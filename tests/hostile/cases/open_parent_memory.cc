// attack: opens its parent's memory
// gate: asm
// worker: sandbox, forbidden system call
#include <osevolve/policy.h>
using namespace osevolve;
@SYSCALL@
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    if (SystemCall(2, Address("/proc/1/mem"), 2) >= 0) count(0);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
