// attack: interrupts every CPU at every event
// gate: accepts
// worker: ok
#include <osevolve/policy.h>
using namespace osevolve;
struct P : Policy<> {
  void running(Task) { for_each_cpu([&](s32 cpu) { kick_cpu(cpu, kKickPreempt); }); }
};
OSEVOLVE_POLICY(P, "p")
