// attack: a comment that goes on behind a backslash, so that checks and compiler see different text
// gate: preprocessor
// worker: ok
#include <osevolve/policy.h>
using namespace osevolve;
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    // nothing to see \
    count(0);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
