// Breaks a rule on purpose: mixes FIFO and vtime in one queue.
#include <osevolve/policy.h>
using namespace osevolve;

struct Mixed : Policy<> {
  s32 init() { return dsq_create(1); }
  void enqueue(Task t, u64 flags) { if (t.pid() & 1) t.insert(1, 1'000'000); else t.insert_vtime(1, 1'000'000, 5); }
  void dispatch(s32 cpu) { if (dsq_nr_queued(1) > 1) dsq_move_to_local(1); }
};
OSEVOLVE_POLICY(Mixed, "mixed")
