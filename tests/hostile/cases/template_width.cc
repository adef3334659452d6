// attack: twice as many templates at each level: 2^60
// gate: template
// compile: ended abnormally
#include <osevolve/policy.h>
using namespace osevolve;
template <int N, int M> struct Wide { static constexpr unsigned long v = Wide<N - 1, 2 * M>::v + Wide<N - 1, 2 * M + 1>::v; };
template <int M> struct Wide<0, M> { static constexpr unsigned long v = 1; };
static_assert(Wide<30, 1>::v != 0);
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "p")
