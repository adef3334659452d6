// attack: a timer that fires as often as it can
// gate: accepts
// worker: ok
#include <osevolve/policy.h>
using namespace osevolve;
struct P : Policy<> {
  s32 init() { timer_start(1); return 0; }
  void timer() { timer_start(0); }
};
OSEVOLVE_POLICY(P, "p")
