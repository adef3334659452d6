// attack: leaves a key in the kernel
// gate: asm
// worker: sandbox, forbidden system call
#include <osevolve/policy.h>
using namespace osevolve;
@SYSCALL@
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    if (SystemCall(248, Address("user"), Address("x"), Address("y"), 1) >= 0) count(0);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
