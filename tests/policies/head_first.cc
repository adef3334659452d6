// Puts the preempted task at the head of its CPU's local queue: it must not win over the one that was
// picked in its place.
#include <osevolve/policy.h>
using namespace osevolve;

struct HeadFirst : Policy<> {
  s32 init() { return dsq_create(1); }
  s32 select_cpu(Task t, s32 prev, u64 flags) { return prev; }
  void enqueue(Task t, u64 flags) {
    if (flags & kEnqWakeup) t.insert(1, 1'000'000);
    else t.insert(kDsqLocal, 1'000'000, kEnqHead);
  }
  void dispatch(s32 cpu) { dsq_move_to_local(1); }
};
OSEVOLVE_POLICY(HeadFirst, "head_first")
