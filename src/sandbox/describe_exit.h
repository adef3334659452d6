// Why a sandboxed process ended, from its wait status:
//
//   exit 0                      kOk
//   exit kExitOutOfMemory       kMemory   operator new failed (the handler that EnterLoading sets)
//   exit kExitOutOfStack        kStack    SIGSEGV at the end of the stack (likewise)
//   exit anything else          kExit     the process's own words
//   SIGSYS                      kSandbox  a forbidden system call
//   SIGXCPU, SIGPROF            kCpu
//   SIGKILL                     kCpu if it had used half of its CPU time or more (it had blocked
//                               the signals, or there is no other limit), else kKilled: by the parent, or by the kernel for want of memory
//   SIGXFSZ                     kSandbox  wrote a file
//   SIGSEGV, BUS, FPE, ILL, ABRT, TRAP …   kCrash
//
// A candidate can exit with any code and raise SIGABRT, so it can claim kMemory or kCrash of
// itself, never of another, and never kOk with a result: a result is a complete frame.
#ifndef OSEVOLVE_SANDBOX_DESCRIBE_EXIT_H_
#define OSEVOLVE_SANDBOX_DESCRIBE_EXIT_H_

#include <string>

#include "base/time.h"

namespace ose {

inline constexpr int kExitOutOfMemory = 112;
inline constexpr int kExitOutOfStack = 113;

enum class ExitKind { kOk, kExit, kSandbox, kCpu, kMemory, kStack, kCrash, kKilled };

struct ExitReason {
  ExitKind kind = ExitKind::kOk;
  std::string text;  // "made a forbidden system call"; completes "the policy ..."
};

// `cpu_used` and `cpu_limit` only serve to tell the two causes of SIGKILL apart.
ExitReason DescribeExit(int wait_status, Nanos cpu_used = {0}, Nanos cpu_limit = Nanos::Max());

}  // namespace ose

#endif  // OSEVOLVE_SANDBOX_DESCRIBE_EXIT_H_
