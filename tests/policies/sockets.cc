// Makes a forbidden system call: opens a socket.
#include <osevolve/policy.h>
using namespace osevolve;

struct Sockets : Policy<> {
  static long SystemCall(long nr, long a, long b, long c) {
    long result;
    asm volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
  }
  void enqueue(Task t, u64 flags) { t.insert(kDsqGlobal, static_cast<u64>(SystemCall(41, 2, 1, 0))); }
};
OSEVOLVE_POLICY(Sockets, "sockets")
