// attack: state beyond what the host hands out
// gate: compile
// compile: larger than kMaxTaskState
#include <osevolve/policy.h>
using namespace osevolve;
struct S { u64 n[4096]; };
struct P : Policy<S> {
  void running(Task t) { count(1, t->n[0]); }
};
OSEVOLVE_POLICY(P, "p")
