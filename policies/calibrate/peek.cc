// For `osevolve calibrate`: queue.cc and whose turn is next in a queue, 8 times.
#include <osevolve/policy.h>
using namespace osevolve;

struct Peek : Policy<> {
  static constexpr DsqId kQueue = 0;
  u64 sum;

  s32 init() { return dsq_create(kQueue); }
  void enqueue(Task t, u64 enq_flags) { t.insert(kQueue, kSliceDefault, enq_flags); }
  void dispatch(s32) {
    sum += static_cast<u64>(dsq_peek(kQueue)) + static_cast<u64>(dsq_peek(kQueue)) + static_cast<u64>(dsq_peek(kQueue)) + static_cast<u64>(dsq_peek(kQueue));
    sum += static_cast<u64>(dsq_peek(kQueue)) + static_cast<u64>(dsq_peek(kQueue)) + static_cast<u64>(dsq_peek(kQueue)) + static_cast<u64>(dsq_peek(kQueue));
    dsq_move_to_local(kQueue);
  }
};

OSEVOLVE_POLICY(Peek, "calibrate-peek")
