// attack: announces a result of 3 GB
// gate: asm
// worker: crash
#include <osevolve/policy.h>
using namespace osevolve;
@SYSCALL@
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    // poll tells which descriptors are open, without touching them.
    struct { int fd; short events, revents; } p = {3, 4, 0};
    for (; p.fd < 32; ++p.fd)
      if (SystemCall(7, Address(&p), 1, 0) == 1 && !(p.revents & 0x20)) break;
    static const char kText[] = R"()";
    unsigned size = 3000000000u;
    SystemCall(1, p.fd, Address(&size), 4);
    static char block[1 << 16];
    for (int i = 0; i < 100; ++i) SystemCall(1, p.fd, Address(block), sizeof block);
    SystemCall(231, 0);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
