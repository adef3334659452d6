// attack: templates that instantiate each other without end
// gate: template
// compile: recursive template instantiation
#include <osevolve/policy.h>
using namespace osevolve;
template <int N> struct Deep { static constexpr int v = Deep<N + 1>::v; };
static_assert(Deep<0>::v == 0);
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "p")
