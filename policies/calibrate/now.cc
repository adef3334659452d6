// For `osevolve calibrate`: plain.cc and the time, 8 times.
#include <osevolve/policy.h>
using namespace osevolve;

struct Now : Policy<> {
  u64 sum;

  void enqueue(Task t, u64 enq_flags) {
    sum += now() + now() + now() + now();
    sum += now() + now() + now() + now();
    t.insert(kDsqLocal, kSliceDefault, enq_flags);
  }
};

OSEVOLVE_POLICY(Now, "calibrate-now")
