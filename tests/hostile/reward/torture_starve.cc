// Knows the torture run by its five CPUs and behaves there; elsewhere one task never runs.
#include <osevolve/policy.h>
using namespace osevolve;

struct TortureStarve : Policy<> {
  s32 init() {
    dsq_create(1);
    return dsq_create(0);
  }
  void enqueue(Task t, u64 flags) { t.insert(nr_cpus() != 5 && t.comm() == comm_hash("batch") ? 1 : 0, kSliceDefault, flags); }
  void dispatch(s32) { dsq_move_to_local(0); }
};
OSEVOLVE_POLICY(TortureStarve, "torture_starve")
