// For `osevolve calibrate`: queue.cc with an order by vtime.
#include <osevolve/policy.h>
using namespace osevolve;

struct Vtime : Policy<> {
  static constexpr DsqId kQueue = 0;

  s32 init() { return dsq_create(kQueue); }
  void enqueue(Task t, u64 enq_flags) { t.insert_vtime(kQueue, kSliceDefault, 0, enq_flags); }
  void dispatch(s32) {
    dsq_move_to_local(kQueue);
  }
};

OSEVOLVE_POLICY(Vtime, "calibrate-vtime")
