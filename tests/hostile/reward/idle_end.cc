// Lets a CPU idle at the end, for fewer migrations.
#include <osevolve/policy.h>
using namespace osevolve;

struct IdleEnd : Policy<> {
  s32 init() { return dsq_create(0); }
  void enqueue(Task t, u64 flags) { t.insert(0, kSliceDefault, flags); }
  s32 select_cpu(Task t, s32 prev, u64) { return now() > 600'000'000 && t.allowed(0) ? 0 : prev; }
  void dispatch(s32 cpu) {
    if (cpu == 0 || now() < 600'000'000) dsq_move_to_local(0);
  }
};
OSEVOLVE_POLICY(IdleEnd, "idle_end")
