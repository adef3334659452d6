// attack: a loop without end at compile time
// gate: loop
// compile: constexpr
#include <osevolve/policy.h>
using namespace osevolve;
constexpr int Spin() { int n = 0; while (true) n ^= 1; return n; }
constexpr int kSpin = Spin();
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "p")
