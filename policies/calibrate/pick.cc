// For `osevolve calibrate`: plain.cc, and 8 times looking for an idle CPU.
#include <osevolve/policy.h>
using namespace osevolve;

struct Pick : Policy<> {
  u64 sum;

  void enqueue(Task t, u64 enq_flags) {
    sum += static_cast<u64>(t.pick_idle()) + static_cast<u64>(t.pick_idle()) + static_cast<u64>(t.pick_idle()) + static_cast<u64>(t.pick_idle());
    sum += static_cast<u64>(t.pick_idle()) + static_cast<u64>(t.pick_idle()) + static_cast<u64>(t.pick_idle()) + static_cast<u64>(t.pick_idle());
    t.insert(kDsqLocal, kSliceDefault, enq_flags);
  }
};

OSEVOLVE_POLICY(Pick, "calibrate-pick")
