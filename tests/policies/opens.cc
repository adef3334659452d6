// Makes a forbidden system call: opens a file.
#include <osevolve/policy.h>
using namespace osevolve;

struct Opens : Policy<> {
  static long SystemCall(long nr, long a, long b, long c) {
    long result;
    asm volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
  }
  void enqueue(Task t, u64 flags) { t.insert(kDsqGlobal, static_cast<u64>(SystemCall(2, reinterpret_cast<long>("/etc/passwd"), 0, 0))); }
};
OSEVOLVE_POLICY(Opens, "opens")
