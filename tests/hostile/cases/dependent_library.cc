// attack: names a library for the linker to open
// gate: preprocessor
// worker: ok
#include <osevolve/policy.h>
using namespace osevolve;
#pragma comment(lib, "@CANARY@/secret")
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "p")
