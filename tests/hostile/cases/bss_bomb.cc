// attack: a global array of 2 GB
// gate: global
// worker: compile
#include <osevolve/policy.h>
using namespace osevolve;
static volatile char big[2000000000];
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    big[flags & 1023] = 1;
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
