// attack: lets the assembler include a private file, whose text would be in the error
// gate: asm
// compile:
// without landlock: escapes
#include <osevolve/policy.h>
using namespace osevolve;
asm(".include \"@CANARY@/secret\"");
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "p")
