// Makes a forbidden system call: kills its parent.
#include <osevolve/policy.h>
using namespace osevolve;

struct Signals : Policy<> {
  static long SystemCall(long nr, long a, long b, long c) {
    long result;
    asm volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
  }
  void enqueue(Task t, u64 flags) { t.insert(kDsqGlobal, static_cast<u64>(SystemCall(62, 1, 9, 0))); }
};
OSEVOLVE_POLICY(Signals, "signals")
