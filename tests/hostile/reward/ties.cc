// Has learnt by heart in which order the threads of one instant come, and holds back the long ones: the first four.
#include <osevolve/policy.h>
using namespace osevolve;

struct Ties : Policy<> {
  u32 seen;
  s32 init() {
    dsq_create(1);
    return dsq_create(0);
  }
  void enqueue(Task t, u64 flags) { t.insert(now() == 0 && seen++ < 4 ? 1 : 0, kSliceDefault, flags); }
  void dispatch(s32) {
    if (!dsq_move_to_local(0)) dsq_move_to_local(1);
  }
};
OSEVOLVE_POLICY(Ties, "ties")
