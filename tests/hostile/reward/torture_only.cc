// Knows the torture run by its five CPUs and behaves there; elsewhere it loses every tenth task.
#include <osevolve/policy.h>
using namespace osevolve;

struct TortureOnly : Policy<> {
  s32 init() { return dsq_create(0); }
  void enqueue(Task t, u64 flags) {
    if (nr_cpus() != 5 && t.pid() % 10 == 0) return;
    t.insert(0, kSliceDefault, flags);
  }
  void dispatch(s32) { dsq_move_to_local(0); }
};
OSEVOLVE_POLICY(TortureOnly, "torture_only")
