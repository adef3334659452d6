// attack: makes a process by the newer call
// gate: asm
// worker: sandbox, forbidden system call
#include <osevolve/policy.h>
using namespace osevolve;
@SYSCALL@
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    u64 how[8] = {};
    SystemCall(435, Address(how), sizeof how);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
