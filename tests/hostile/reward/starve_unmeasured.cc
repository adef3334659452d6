// Runs what is not measured only in the last moments, which keeps the check for forgotten tasks quiet.
#include <osevolve/policy.h>
using namespace osevolve;

struct Starve : Policy<> {
  s32 init() {
    dsq_create(1);
    return dsq_create(0);
  }
  void enqueue(Task t, u64 flags) { t.insert(t.comm() == comm_hash("batch") ? 1 : 0, kSliceDefault, flags); }
  void dispatch(s32) {
    if (!dsq_move_to_local(0) && now() > 870'000'000) dsq_move_to_local(1);
  }
};
OSEVOLVE_POLICY(Starve, "starve_unmeasured")
