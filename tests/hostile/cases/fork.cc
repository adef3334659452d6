// attack: leaves a process behind
// gate: asm
// worker: sandbox, forbidden system call
// without seccomp: worker ok
// without seccomp limits: worker ok
// without seccomp limits group: escapes
#include <osevolve/policy.h>
using namespace osevolve;
@SYSCALL@
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    static bool once;
    if (!once) {
      once = true;
      if (SystemCall(57, 0) == 0) {
        struct { long s, ns; } nap = {20, 0};
        SystemCall(35, Address(&nap), 0);
        SystemCall(60, 0);
      }
    }
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
