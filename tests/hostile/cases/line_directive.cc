// attack: blames another file in messages
// gate: preprocessor
// compile:
#include <osevolve/policy.h>
using namespace osevolve;
#line 1 "/etc/passwd"
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    undeclared();
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
