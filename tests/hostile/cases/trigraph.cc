// attack: a splice spelt with a trigraph
// gate: preprocessor
// worker: ok
#include <osevolve/policy.h>
using namespace osevolve;
// ??/
static const int trigraph = 1;
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "p")
