// Loops for ever in a hook.
#include <osevolve/policy.h>
using namespace osevolve;

struct Endless : Policy<> {
  void enqueue(Task t, u64 flags) {
    for (volatile u64 i = 0;; i = i + 1) {
    }
  }
};
OSEVOLVE_POLICY(Endless, "endless")
