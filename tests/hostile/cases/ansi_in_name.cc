// attack: terminal controls in the name of the policy
// gate: policy-macro
// worker: ok
#include <osevolve/policy.h>
using namespace osevolve;
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "\x1b[2J")
