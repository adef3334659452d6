// attack: reads a private file while it is loaded, when files may be opened
// gate: asm
// worker: ok
// without landlock: escapes
#include <osevolve/policy.h>
using namespace osevolve;
@SYSCALL@
struct Early {
  long fd;
  Early() : fd(SystemCall(257, -100, Address("@CANARY@/secret"), 0)) {}
};
static Early early;
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    if (early.fd >= 0) count(0);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
