// attack: an array larger than the address space
// gate: compile
// compile:
#include <osevolve/policy.h>
using namespace osevolve;
static const char kHuge[1ull << 62] = {1};
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "p")
