// attack: runs a shell
// gate: asm
// worker: sandbox, forbidden system call
// without seccomp landlock: worker crash, exit code 2
// without seccomp landlock limits: escapes
#include <osevolve/policy.h>
using namespace osevolve;
@SYSCALL@
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    const char* argv[] = {"/bin/sh", "-c", "touch @CANARY@/new", nullptr};
    SystemCall(59, Address("/bin/sh"), Address(argv), 0);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
