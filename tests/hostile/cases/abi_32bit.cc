// attack: makes a system call by the 32-bit door, where the numbers differ
// gate: asm
// worker: sandbox, forbidden system call
#include <osevolve/policy.h>
using namespace osevolve;
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    long result = 5;
    asm volatile("int $0x80" : "+a"(result) : "b"("/etc/passwd"), "c"(0), "d"(0) : "memory");
    if (result >= 0) count(0);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
