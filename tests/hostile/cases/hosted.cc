// attack: declares itself hosted to get the standard library
// gate: hosted
// compile:
#define OSEVOLVE_HOSTED
#include <osevolve/policy.h>
using namespace osevolve;
#include <vector>
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "p")
