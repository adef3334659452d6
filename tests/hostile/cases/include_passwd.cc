// attack: reads /etc/passwd by including it
// gate: include
// compile:
// without landlock: compile unknown type name
#include <osevolve/policy.h>
using namespace osevolve;
#include "/etc/passwd"
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "p")
