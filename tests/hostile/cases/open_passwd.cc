// attack: opens /etc/passwd while it schedules
// gate: asm
// worker: sandbox, forbidden system call
// without seccomp: worker ok
// without seccomp landlock: escapes
#include <osevolve/policy.h>
using namespace osevolve;
@SYSCALL@
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    if (SystemCall(2, Address("/etc/passwd"), 0) >= 0) count(0);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
