// For `osevolve calibrate`: plain.cc with a kick of another CPU at a switch.
#include <osevolve/policy.h>
using namespace osevolve;

struct Kick : Policy<> {
  void enqueue(Task t, u64 enq_flags) {
    t.insert(kDsqLocal, kSliceDefault, enq_flags);
    const s32 other = this_cpu() == 0 ? 1 : 0;
    if (other < nr_cpus()) kick_cpu(other);
  }
};

OSEVOLVE_POLICY(Kick, "calibrate-kick")
