// attack: spells a keyword with universal character names
// gate: preprocessor
// compile:
#include <osevolve/policy.h>
using namespace osevolve;
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    \u0077hile (true) {}
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
