// attack: writes through a null pointer
// gate: cast
// worker: crash
#include <osevolve/policy.h>
using namespace osevolve;
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    *reinterpret_cast<volatile int*>(8) = 1;
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
