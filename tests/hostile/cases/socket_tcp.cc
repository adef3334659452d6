// attack: connects to a port
// gate: asm
// worker: sandbox, forbidden system call
// without seccomp: worker ok
// without seccomp landlock: escapes
#include <osevolve/policy.h>
using namespace osevolve;
@SYSCALL@
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    struct { unsigned short family, port; unsigned address; char zero[8]; } to = {2, static_cast<unsigned short>((@PORT@ & 255) << 8 | @PORT@ >> 8), 0x0100007f, {}};
    long fd = SystemCall(41, 2, 1, 0);
    if (fd >= 0 && SystemCall(42, fd, Address(&to), sizeof to) == 0) count(0);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
