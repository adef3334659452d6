// attack: hides the name of an included file behind a macro
// gate: preprocessor
// compile: Permission denied
// without landlock: escapes
#include <osevolve/policy.h>
using namespace osevolve;
#define FILE "@CANARY@/secret"
#include FILE
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "p")
