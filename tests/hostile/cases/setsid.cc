// attack: leaves the process group that dies with it
// gate: asm
// worker: sandbox, forbidden system call
// without seccomp: worker ok
#include <osevolve/policy.h>
using namespace osevolve;
@SYSCALL@
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    if (SystemCall(112, 0) >= 0) count(0);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
