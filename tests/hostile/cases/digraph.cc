// attack: a directive spelt with a digraph
// gate: preprocessor
// compile:
#include <osevolve/policy.h>
using namespace osevolve;
%:include "/etc/passwd"
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "p")
