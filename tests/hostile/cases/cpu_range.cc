// attack: reads the state of CPUs that do not exist
// gate: accepts
// worker: rule, CPU -5
#include <osevolve/policy.h>
using namespace osevolve;
struct C { u64 n; };
struct P : Policy<NoState, C> {
  void running(Task) {
    cpu_state(-1).n += 1;
    cpu_state(1 << 30).n += 1;
    kick_cpu(-5);
    kick_cpu(1 << 30);
  }
};
OSEVOLVE_POLICY(P, "p")
