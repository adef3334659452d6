// attack: maps memory until there is none
// gate: asm
// worker: memory
#include <osevolve/policy.h>
using namespace osevolve;
@SYSCALL@
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    u64 got = 0;
    for (int i = 0; i < 700; ++i) {
      long p = SystemCall(9, 0, 1 << 20, 3, 0x8022);
      if (p < 0 && p > -4096) break;
      ++got;
    }
    if (got > 256) count(0);
    SystemCall(231, 112);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
