// Breaks a rule on purpose: inserts into a queue that does not exist.
#include <osevolve/policy.h>
using namespace osevolve;

struct NoQueue : Policy<> {
  s32 init() { return dsq_create(1); }
  void enqueue(Task t, u64 flags) { t.insert(7, 1'000'000); }
  void dispatch(s32 cpu) { dsq_move_to_local(1); }
};
OSEVOLVE_POLICY(NoQueue, "no_queue")
