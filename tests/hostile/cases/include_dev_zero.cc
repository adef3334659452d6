// attack: makes the compiler read a device without end
// gate: include
// compile:
#include <osevolve/policy.h>
using namespace osevolve;
#include "/dev/zero"
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "p")
