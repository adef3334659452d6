// attack: includes the C library to call it
// gate: include
// compile: undefined
#include <osevolve/policy.h>
using namespace osevolve;
#include <unistd.h>
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    if (getpid() > 0) count(0);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
