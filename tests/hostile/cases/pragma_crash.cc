// attack: crashes the compiler by a debugging pragma
// gate: preprocessor
// compile:
#include <osevolve/policy.h>
using namespace osevolve;
#pragma clang __debug crash
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "p")
