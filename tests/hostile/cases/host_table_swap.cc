// attack: replaces the table of host services by its own
// gate: internal-name
// worker: crash
#include <osevolve/policy.h>
using namespace osevolve;
static u64 Frozen() { return 0; }
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    static OsvHost mine;
    mine.now = Frozen;
    osv_host = &mine;
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
