// attack: recursion without end, for the stack
// gate: recursion
// worker: memory, stack
#include <osevolve/policy.h>
using namespace osevolve;
struct P : Policy<> {
  static u64 Down(u64 n) {
    volatile u64 here = n;
    return n == 0 ? 0 : Down(n + 1) + here;
  }
  void enqueue(Task t, u64 flags) { t.insert(kDsqGlobal, Down(1), flags); }
};
OSEVOLVE_POLICY(P, "p")
