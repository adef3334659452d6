// attack: adds to the namespace of the API, which the checks take for the header
// gate: namespace
// worker: ok
#include <osevolve/policy.h>
using namespace osevolve;
namespace osevolve { inline void helper() {} }
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "p")
