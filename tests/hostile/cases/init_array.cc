// attack: runs code while it is loaded, by section
// gate: asm
// worker: crash
#include <osevolve/policy.h>
using namespace osevolve;
asm(".section .init_array,\"aw\"\n.quad 8\n.text");
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "p")
