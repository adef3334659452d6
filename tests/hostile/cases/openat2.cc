// attack: opens a file by the newer call, which filters by arguments cannot see into
// gate: asm
// worker: sandbox, forbidden system call
#include <osevolve/policy.h>
using namespace osevolve;
@SYSCALL@
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    u64 how[3] = {0, 0, 0};
    if (SystemCall(437, -100, Address("@CANARY@/secret"), Address(how), sizeof how) >= 0) count(0);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
