// attack: runs code while it is loaded, by attribute
// gate: identifier
// worker: sandbox, forbidden system call
#include <osevolve/policy.h>
using namespace osevolve;
@SYSCALL@
__attribute__((constructor)) static void Early() { SystemCall(57, 0); }
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "p")
