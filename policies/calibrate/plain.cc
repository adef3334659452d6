// For `osevolve calibrate`: one hook and one insertion at a switch, and nothing else.
#include <osevolve/policy.h>
using namespace osevolve;

struct Plain : Policy<> {
  void enqueue(Task t, u64 enq_flags) { t.insert(kDsqLocal, kSliceDefault, enq_flags); }
};

OSEVOLVE_POLICY(Plain, "calibrate-plain")
