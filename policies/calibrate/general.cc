// For `osevolve calibrate`: plain.cc with 16 calls more at a switch: which CPU this is, and its state.
#include <osevolve/policy.h>
using namespace osevolve;

struct GeneralTask {};

struct GeneralCpu {
  u64 seen;
};

struct General : Policy<GeneralTask, GeneralCpu> {
  void enqueue(Task t, u64 enq_flags) {
    ++cpu_state(this_cpu()).seen; ++cpu_state(this_cpu()).seen; ++cpu_state(this_cpu()).seen; ++cpu_state(this_cpu()).seen;
    ++cpu_state(this_cpu()).seen; ++cpu_state(this_cpu()).seen; ++cpu_state(this_cpu()).seen; ++cpu_state(this_cpu()).seen;
    t.insert(kDsqLocal, kSliceDefault, enq_flags);
  }
};

OSEVOLVE_POLICY(General, "calibrate-general")
