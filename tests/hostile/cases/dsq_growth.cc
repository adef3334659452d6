// attack: makes queues without end
// gate: accepts
// worker: ok
#include <osevolve/policy.h>
using namespace osevolve;
struct P : Policy<> {
  s32 init() {
    u64 made = 0;
    for_n(65536, [&](s32 i) { made += dsq_create(static_cast<u64>(i)) == 0 ? 1 : 0; });
    if (made > 4096) count(0);
    return 0;
  }
};
OSEVOLVE_POLICY(P, "p")
