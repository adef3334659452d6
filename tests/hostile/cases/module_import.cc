// attack: imports a header unit
// gate: preprocessor
// compile:
#include <osevolve/policy.h>
using namespace osevolve;
import <osevolve/policy.h>;
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "p")
