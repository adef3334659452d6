// attack: a directive in disguise
// gate: preprocessor
// worker: ok
#include <osevolve/policy.h>
using namespace osevolve;
_Pragma("GCC optimize(\"O0\")")
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "p")
