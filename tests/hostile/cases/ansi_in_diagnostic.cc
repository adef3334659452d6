// attack: terminal controls in a message of the compiler
// gate: compile
// compile: invalid escape
#include <osevolve/policy.h>
using namespace osevolve;
static_assert(false, "\x1b[2J\x1b]0;owned\x07");
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "p")
