// attack: a constant of two gigabytes, for the object file and the disk
// gate: accepts
// compile:
#include <osevolve/policy.h>
using namespace osevolve;
constexpr char kHuge[2000000000] = {1};
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    count(1, static_cast<u64>(kHuge[flags & 1023]));
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
