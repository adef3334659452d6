// attack: a local array beyond the stack
// gate: uninitialized
// worker: memory, stack
#include <osevolve/policy.h>
using namespace osevolve;
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    volatile char here[16 << 20];
    for_n(4096, [&](s32 i) { here[i * 4096] = 1; });
    count(1, static_cast<u64>(here[flags & 1023]));
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
