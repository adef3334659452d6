// attack: hides a loop behind a macro
// gate: preprocessor
// worker: timeout
#include <osevolve/policy.h>
using namespace osevolve;
#define loop while
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    volatile int x = 1; loop (x) {}
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
