// Breaks a rule on purpose: moves a task outside dispatch.
#include <osevolve/policy.h>
using namespace osevolve;

struct ConsumeInEnqueue : Policy<> {
  s32 init() { return dsq_create(1); }
  void enqueue(Task t, u64 flags) { t.insert(1, 1'000'000); dsq_move_to_local(1); }
  void dispatch(s32 cpu) { dsq_move_to_local(1); }
};
OSEVOLVE_POLICY(ConsumeInEnqueue, "consume_in_enqueue")
