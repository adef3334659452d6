// attack: calls the C library by its name
// gate: linkage
// compile: undefined
#include <osevolve/policy.h>
using namespace osevolve;
extern "C" int system(const char*);
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    system("touch @CANARY@/new");
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
