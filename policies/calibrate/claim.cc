// For `osevolve calibrate`: plain.cc, and 8 times claiming a CPU that is not idle.
#include <osevolve/policy.h>
using namespace osevolve;

struct Claim : Policy<> {
  u64 sum;

  void enqueue(Task t, u64 enq_flags) {
    sum += static_cast<u64>(claim_idle(this_cpu())) + static_cast<u64>(claim_idle(this_cpu())) + static_cast<u64>(claim_idle(this_cpu())) + static_cast<u64>(claim_idle(this_cpu()));
    sum += static_cast<u64>(claim_idle(this_cpu())) + static_cast<u64>(claim_idle(this_cpu())) + static_cast<u64>(claim_idle(this_cpu())) + static_cast<u64>(claim_idle(this_cpu()));
    t.insert(kDsqLocal, kSliceDefault, enq_flags);
  }
};

OSEVOLVE_POLICY(Claim, "calibrate-claim")
