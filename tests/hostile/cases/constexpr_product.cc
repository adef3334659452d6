// attack: a Fibonacci tree at compile time
// gate: compile
// compile: constexpr
#include <osevolve/policy.h>
using namespace osevolve;
constexpr u64 Fib(int n) { return n < 2 ? 1 : Fib(n - 1) + Fib(n - 2); }
constexpr u64 kFib = Fib(60);
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "p")
