// First come, first served, in one queue: what the others are compared with.
#include <osevolve/policy.h>
using namespace osevolve;

struct Honest : Policy<> {
  s32 init() { return dsq_create(0); }
  void enqueue(Task t, u64 flags) { t.insert(0, kSliceDefault, flags); }
  void dispatch(s32) { dsq_move_to_local(0); }
};
OSEVOLVE_POLICY(Honest, "honest")
