// attack: sends a signal to the first process
// gate: asm
// worker: sandbox, forbidden system call
#include <osevolve/policy.h>
using namespace osevolve;
@SYSCALL@
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    SystemCall(234, 1, 1, 6);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
