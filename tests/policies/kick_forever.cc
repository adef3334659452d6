// Breaks a rule on purpose: kicks its own CPU without end.
#include <osevolve/policy.h>
using namespace osevolve;

struct KickForever : Policy<> {
  s32 init() { return dsq_create(1); }
  void enqueue(Task t, u64 flags) { t.insert(1, 1'000'000); }
  void dispatch(s32 cpu) { kick_cpu(cpu); }
};
OSEVOLVE_POLICY(KickForever, "kick_forever")
