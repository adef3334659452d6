// Breaks a rule on purpose: inserts a task twice.
#include <osevolve/policy.h>
using namespace osevolve;

struct Twice : Policy<> {
  s32 init() { return dsq_create(1); }
  void enqueue(Task t, u64 flags) { t.insert(1, 1'000'000); t.insert(1, 1'000'000); }
  void dispatch(s32 cpu) { dsq_move_to_local(1); }
};
OSEVOLVE_POLICY(Twice, "twice")
