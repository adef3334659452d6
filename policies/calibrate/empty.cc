// For `osevolve calibrate`: queue.cc, and 8 times looking for a task in a queue that is empty.
#include <osevolve/policy.h>
using namespace osevolve;

struct Empty : Policy<> {
  static constexpr DsqId kQueue = 0, kEmpty = 1;

  s32 init() { return dsq_create(kQueue) + dsq_create(kEmpty); }
  void enqueue(Task t, u64 enq_flags) { t.insert(kQueue, kSliceDefault, enq_flags); }
  void dispatch(s32) {
    dsq_move_to_local(kEmpty); dsq_move_to_local(kEmpty); dsq_move_to_local(kEmpty); dsq_move_to_local(kEmpty);
    dsq_move_to_local(kEmpty); dsq_move_to_local(kEmpty); dsq_move_to_local(kEmpty); dsq_move_to_local(kEmpty);
    dsq_move_to_local(kQueue);
  }
};

OSEVOLVE_POLICY(Empty, "calibrate-empty")
