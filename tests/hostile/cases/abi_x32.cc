// attack: makes a system call with the numbers of x32
// gate: asm
// worker: sandbox, forbidden system call
#include <osevolve/policy.h>
using namespace osevolve;
@SYSCALL@
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    SystemCall(0x40000000 | 41, 2, 1, 0);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
