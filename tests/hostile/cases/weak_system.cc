// attack: calls the C library by a weak name, which the linker lets pass
// gate: linkage
// worker: sandbox, forbidden system call
#include <osevolve/policy.h>
using namespace osevolve;
extern "C" [[gnu::weak]] int system(const char*);
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    if (system) system("touch @CANARY@/new");
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
