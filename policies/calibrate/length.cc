// For `osevolve calibrate`: queue.cc and how long a queue is, 8 times.
#include <osevolve/policy.h>
using namespace osevolve;

struct Length : Policy<> {
  static constexpr DsqId kQueue = 0;
  u64 sum;

  s32 init() { return dsq_create(kQueue); }
  void enqueue(Task t, u64 enq_flags) { t.insert(kQueue, kSliceDefault, enq_flags); }
  void dispatch(s32) {
    sum += static_cast<u64>(dsq_nr_queued(kQueue)) + static_cast<u64>(dsq_nr_queued(kQueue)) + static_cast<u64>(dsq_nr_queued(kQueue)) + static_cast<u64>(dsq_nr_queued(kQueue));
    sum += static_cast<u64>(dsq_nr_queued(kQueue)) + static_cast<u64>(dsq_nr_queued(kQueue)) + static_cast<u64>(dsq_nr_queued(kQueue)) + static_cast<u64>(dsq_nr_queued(kQueue));
    dsq_move_to_local(kQueue);
  }
};

OSEVOLVE_POLICY(Length, "calibrate-length")
