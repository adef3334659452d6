// attack: reads the environment of its parent
// gate: asm
// worker: sandbox, forbidden system call
// without seccomp: worker ok
#include <osevolve/policy.h>
using namespace osevolve;
@SYSCALL@
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    long fd = SystemCall(2, Address("/proc/self/environ"), 0);
    if (fd >= 0) count(0);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
