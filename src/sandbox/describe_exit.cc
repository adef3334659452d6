#include "sandbox/describe_exit.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

namespace ose {

ExitReason DescribeExit(int wait_status, Nanos cpu_used, Nanos cpu_limit) {
  if (WIFEXITED(wait_status)) {
    switch (int code = WEXITSTATUS(wait_status)) {
      case 0: return {ExitKind::kOk, "ended normally"};
      case kExitOutOfMemory: return {ExitKind::kMemory, "ran out of memory"};
      case kExitOutOfStack: return {ExitKind::kStack, "ran out of stack (endless recursion?)"};
      default: return {ExitKind::kExit, "ended with exit code " + std::to_string(code)};
    }
  }
  if (!WIFSIGNALED(wait_status)) return {ExitKind::kExit, "stopped"};
  switch (int signal = WTERMSIG(wait_status)) {
    case SIGSYS: return {ExitKind::kSandbox, "made a forbidden system call"};
    case SIGXFSZ: return {ExitKind::kSandbox, "wrote a file"};
    case SIGXCPU:
    case SIGPROF: return {ExitKind::kCpu, "used up its CPU time"};
    case SIGKILL:
      // RLIMIT_CPU counts whole ticks and so comes early on a busy CPU; the kernel's want of
      // memory, the other cause, has no reason to wait for half of the CPU time.
      if (cpu_used.v >= cpu_limit.v / 2) return {ExitKind::kCpu, "used up its CPU time"};
      return {ExitKind::kKilled, "was killed"};
    case SIGSEGV: return {ExitKind::kCrash, "crashed: invalid memory access (SIGSEGV)"};
    case SIGBUS: return {ExitKind::kCrash, "crashed: invalid memory access (SIGBUS)"};
    case SIGFPE: return {ExitKind::kCrash, "crashed: division by zero or overflow (SIGFPE)"};
    case SIGILL: return {ExitKind::kCrash, "crashed: invalid instruction (SIGILL)"};
    case SIGTRAP: return {ExitKind::kCrash, "crashed: trap (SIGTRAP)"};
    case SIGABRT: return {ExitKind::kCrash, "aborted (SIGABRT)"};
    default:
      return {ExitKind::kCrash, "was ended by signal " + std::to_string(signal) + " (" + strsignal(signal) + ")"};
  }
}

}  // namespace ose
