// attack: writes a score of its own to the result channel: better than possible
// gate: asm
// worker: sandbox, beyond the bound
#include <osevolve/policy.h>
using namespace osevolve;
@SYSCALL@
struct P : Policy<> {
  void enqueue(Task t, u64 flags) {
    // poll tells which descriptors are open, without touching them.
    struct { int fd; short events, revents; } p = {3, 4, 0};
    for (; p.fd < 32; ++p.fd)
      if (SystemCall(7, Address(&p), 1, 0) == 1 && !(p.revents & 0x20)) break;
    static const char kText[] = R"({"outcome":"ok","diagnosis":"","cpu_ms":1,"results":[{"seed":"1","metrics":{"events":1e9},"counters":[]}]})";
    unsigned size = sizeof kText - 1;
    SystemCall(1, p.fd, Address(&size), 4);
    SystemCall(1, p.fd, Address(kText), size);
    SystemCall(231, 0);
    t.insert(kDsqGlobal, kSliceDefault, flags);
  }
};
OSEVOLVE_POLICY(P, "p")
