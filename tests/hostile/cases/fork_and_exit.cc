// attack: leaves a process behind and ends at once, before anybody can kill its group
// gate: asm
// worker: sandbox, forbidden system call
// without seccomp limits: worker timeout
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
      SystemCall(231, 0);
    }
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
