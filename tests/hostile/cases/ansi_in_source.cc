// attack: terminal controls in a comment, for whoever prints the source
// gate: encoding
// worker: ok
#include <osevolve/policy.h>
using namespace osevolve;
// @ESC@[2J@ESC@[31m
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "p")
