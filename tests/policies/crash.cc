// Writes through a null pointer: what the gate would refuse, so that the worker's own defence is
// tested.
#include <osevolve/policy.h>
using namespace osevolve;

struct Crash : Policy<> {
  void enqueue(Task t, u64 flags) {
    *reinterpret_cast<volatile u64*>(8) = 1;
    t.insert(kDsqGlobal, kSliceDefault);
  }
};
OSEVOLVE_POLICY(Crash, "crash")
