// attack: a loop that is bounded, and has 2^64 rounds
// gate: accepts
// worker: timeout
// without limits: worker timeout, wall time
#include <osevolve/policy.h>
using namespace osevolve;
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    u64 sum = 0;
    for_n(65536, [&](s32 i) {
      for_n(65536, [&](s32 j) {
        for_n(65536, [&](s32 k) { for_n(65536, [&](s32 l) { sum += static_cast<u64>(i + j + k + l) + random(); }); });
      });
    });
    count(1, sum);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
