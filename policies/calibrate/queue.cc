// For `osevolve calibrate`: plain.cc through a shared queue, with one hook and one queue operation more at a switch.
#include <osevolve/policy.h>
using namespace osevolve;

struct Queue : Policy<> {
  static constexpr DsqId kQueue = 0;

  s32 init() { return dsq_create(kQueue); }
  void enqueue(Task t, u64 enq_flags) { t.insert(kQueue, kSliceDefault, enq_flags); }
  void dispatch(s32) { dsq_move_to_local(kQueue); }
};

OSEVOLVE_POLICY(Queue, "calibrate-queue")
