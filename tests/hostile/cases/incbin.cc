// attack: lets the assembler copy a private file into the object
// gate: asm
// compile: incbin
// without landlock: escapes
#include <osevolve/policy.h>
using namespace osevolve;
asm(".section .rodata\nloot: .incbin \"@CANARY@/secret\"\n.byte 0\n.text");
extern "C" const char loot[] __attribute__((visibility("hidden")));
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    if (loot[0]) count(0);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
