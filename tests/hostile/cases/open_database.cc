// attack: looks for a run database from the working folder
// gate: asm
// worker: sandbox, forbidden system call
// without seccomp: worker ok
#include <osevolve/policy.h>
using namespace osevolve;
@SYSCALL@
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    if (SystemCall(2, Address("run.db"), 2) >= 0 || SystemCall(2, Address("/root/.local/share/osevolve/knowledge.db"), 2) >= 0) count(0);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
