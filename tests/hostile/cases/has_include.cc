// attack: asks for the existence of a file and reports it by compiling or not
// gate: preprocessor
// compile: Permission denied
// without landlock: escapes
#include <osevolve/policy.h>
using namespace osevolve;
static int seen;
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    #if __has_include("@CANARY@/secret")
      seen = 1;
    #endif
      (void)seen;
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
