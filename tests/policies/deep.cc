// Recurses without end: eats its stack.
#include <osevolve/policy.h>
using namespace osevolve;

struct Deep : Policy<> {
  [[gnu::noinline]] static u64 Down(u64 n) {
    volatile u64 here[64];
    here[n & 63] = n;
    return Down(n + 1) + here[n & 63];
  }
  void enqueue(Task t, u64 flags) { t.insert(kDsqGlobal, Down(1)); }
};
OSEVOLVE_POLICY(Deep, "deep")
