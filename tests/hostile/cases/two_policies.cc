// attack: exports two policies
// gate: policy-macro
// compile:
#include <osevolve/policy.h>
using namespace osevolve;
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "p")
OSEVOLVE_POLICY(P, "q")
