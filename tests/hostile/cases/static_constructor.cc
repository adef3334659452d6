// attack: runs code before anything watches
// gate: asm
// worker: sandbox, forbidden system call
#include <osevolve/policy.h>
using namespace osevolve;
@SYSCALL@
struct Early {
  Early() { SystemCall(41, 2, 1, 0); }
};
static Early early;
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "p")
