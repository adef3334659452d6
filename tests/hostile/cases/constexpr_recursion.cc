// attack: recursion without end at compile time
// gate: compile
// compile: constexpr
#include <osevolve/policy.h>
using namespace osevolve;
constexpr int Down(int n) { return Down(n + 1); }
constexpr int kDown = Down(0);
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "p")
