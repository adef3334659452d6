// attack: fills the disk
// gate: asm
// worker: sandbox, forbidden system call
// without seccomp: worker ok
// without seccomp landlock: worker sandbox, wrote a file
#include <osevolve/policy.h>
using namespace osevolve;
@SYSCALL@
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    long fd = SystemCall(2, Address("/var/tmp/osevolve-hostile-fill"), 0101, 0600);
    if (fd >= 0) {
      static char block[1 << 16];
      for (int i = 0; i < 64; ++i) SystemCall(1, fd, Address(block), sizeof block);
      SystemCall(87, Address("/var/tmp/osevolve-hostile-fill"));
      count(0);
    }
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
