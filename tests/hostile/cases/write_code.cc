// attack: writes over its own code
// gate: cast
// worker: crash
#include <osevolve/policy.h>
using namespace osevolve;
struct P : Policy<> {
  static void Code() {}
  void enqueue(Task t, u64 flags) {
    *reinterpret_cast<volatile char*>(&P::Code) = 1;
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
