// attack: reads a private file while it schedules
// gate: asm
// worker: sandbox, forbidden system call
// without seccomp: worker ok
// without seccomp landlock: escapes
#include <osevolve/policy.h>
using namespace osevolve;
@SYSCALL@
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    char c;
    long fd = SystemCall(257, -100, Address("@CANARY@/secret"), 0);
    if (fd >= 0 && SystemCall(0, fd, Address(&c), 1) == 1) count(0);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
