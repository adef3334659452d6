// attack: reads a private file by including it; its text would be in the error
// gate: include
// compile:
// without landlock: escapes
#include <osevolve/policy.h>
using namespace osevolve;
#include "@CANARY@/secret"
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "p")
