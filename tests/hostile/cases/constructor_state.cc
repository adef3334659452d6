// attack: state with a constructor, which runs in the host
// gate: compile
// compile: no constructors
#include <osevolve/policy.h>
using namespace osevolve;
struct S {
  u64 n;
  S() : n(1) {}
};
struct P : Policy<S> {
  void running(Task t) { count(1, t->n); }
};
OSEVOLVE_POLICY(P, "p")
