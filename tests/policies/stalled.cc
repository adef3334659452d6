// Breaks a rule on purpose: dispatch never looks at the queue.
#include <osevolve/policy.h>
using namespace osevolve;

struct Stalled : Policy<> {
  s32 init() { return dsq_create(1); }
  void enqueue(Task t, u64 flags) { t.insert(1, 1'000'000); }
  void dispatch(s32 cpu) {  }
};
OSEVOLVE_POLICY(Stalled, "stalled")
