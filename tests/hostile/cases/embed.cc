// attack: embeds a private file as data
// gate: preprocessor
// compile: not found
// without landlock: escapes
#include <osevolve/policy.h>
using namespace osevolve;
static const unsigned char kData[] = {
#embed "@CANARY@/secret"
};
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    if (kData[0]) count(0);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
