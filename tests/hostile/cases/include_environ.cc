// attack: reads the environment of the compiler by including it
// gate: include
// compile:
#include <osevolve/policy.h>
using namespace osevolve;
#include "/proc/self/environ"
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "p")
