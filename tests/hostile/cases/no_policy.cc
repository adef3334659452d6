// attack: exports no policy
// gate: policy-macro
// worker: compile
#include <osevolve/policy.h>
using namespace osevolve;
struct P : Policy<> {};

