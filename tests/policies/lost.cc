// Breaks a rule on purpose: enqueue forgets the task.
#include <osevolve/policy.h>
using namespace osevolve;

struct Lost : Policy<> {
  s32 init() { return dsq_create(1); }
  void enqueue(Task t, u64 flags) { if (t.pid() != 2) t.insert(1, 1'000'000); }
  void dispatch(s32 cpu) { dsq_move_to_local(1); }
};
OSEVOLVE_POLICY(Lost, "lost")
