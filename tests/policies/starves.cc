// Serves two tasks and leaves the others in a queue that nobody reads: its figures must not look good.
#include <osevolve/policy.h>
using namespace osevolve;

struct Starves : Policy<> {
  s32 init() { return dsq_create(1) < 0 ? -1 : dsq_create(2); }
  s32 select_cpu(Task t, s32 prev, u64 flags) { return prev; }
  void enqueue(Task t, u64 flags) { t.insert(t.pid() <= 2 ? 1 : 2, 1'000'000); }
  void dispatch(s32 cpu) { dsq_move_to_local(1); }
};
OSEVOLVE_POLICY(Starves, "starves")
