// Allocates without end, by anonymous mappings that it writes to.
#include <osevolve/policy.h>
using namespace osevolve;

struct Memory : Policy<> {
  static long Map(long bytes) {
    long result;
    register long flags asm("r10") = 0x22;  // MAP_PRIVATE | MAP_ANONYMOUS
    register long fd asm("r8") = -1;
    register long offset asm("r9") = 0;
    asm volatile("syscall" : "=a"(result) : "a"(9L), "D"(0L), "S"(bytes), "d"(3L), "r"(flags), "r"(fd), "r"(offset) : "rcx", "r11", "memory");
    return result;
  }
  void enqueue(Task t, u64 flags) {
    for (;;) *reinterpret_cast<volatile u64*>(Map(64 << 20)) = 1;  // a failed map is a wild pointer
  }
};
OSEVOLVE_POLICY(Memory, "memory")
