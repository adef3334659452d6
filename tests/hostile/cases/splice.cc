// attack: splices a keyword over two lines
// gate: preprocessor
// worker: timeout
#include <osevolve/policy.h>
using namespace osevolve;
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    volatile int x = 1;
    wh\
ile (x) {}
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
