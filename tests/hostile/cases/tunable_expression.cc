// attack: a tunable whose default is code
// gate: tunable
// compile: constant expression
#include <osevolve/policy.h>
using namespace osevolve;
static int Early() { return 7; }
TUNABLE(x, Early(), 0, 9)
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "p")
