// attack: text that a reader sees in another order than the compiler
// gate: encoding
#include <osevolve/policy.h>
using namespace osevolve;
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    u64 x = 0; /* @RLO@ begin */ count(1, x);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
