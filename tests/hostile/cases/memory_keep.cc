// attack: uses more memory than it is granted, and goes on
// gate: asm
// worker: ok
// without limits: escapes
#include <osevolve/policy.h>
using namespace osevolve;
@SYSCALL@
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    static u64 got;
    if (got == 0) {
      long last = 0;
      for (int i = 0; i < 300; ++i) {
        long p = SystemCall(9, 0, 1 << 20, 3, 0x8022);
        if (p < 0 && p > -4096) continue;
        got += 1;
        last = p;
      }
      SystemCall(11, last, 1 << 20);  // what is left is for the worker, which has to go on as well
    }
    if (got > 280) count(0);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
