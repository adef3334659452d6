// attack: takes the table of host services, which holds addresses of the host
// gate: internal-name
// worker: ok
#include <osevolve/policy.h>
using namespace osevolve;
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    count(1, (u64)osv_host->now);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
