// The sandbox of the worker: locks the calling process, in two steps, before and after it
// loads generated code.
//
//   fork();  // child:
//   EnterLoading(options)   from here on: read the listed files, map code, compute, talk on
//                           the listed descriptors; nothing else. Then dlopen the candidate.
//   EnterRunning()          from here on: compute, anonymous memory, the listed descriptors.
//                           Then run the candidate.
//
// Defences, each of which holds without the others: seccomp allow-lists (both steps), Landlock
// or, where the kernel lacks it, a mount namespace with only the listed files, rlimits, no new
// privileges, no capabilities, another user when started by root, not dumpable (no core, no
// ptrace), every unlisted descriptor closed, death with the parent.
//
// A forbidden system call kills the process with SIGSYS; files out of reach give EACCES while
// loading (a loader may probe) and SIGSYS when running. describe_exit.h tells the parent why
// its child died. There is no way back from either step; after an error the state is partly
// locked and the process must exit without loading anything.
//
// Rules: for a single-threaded process that runs on its main stack; call once each, in this
// order. Both may allocate and neither is async-signal-safe, so a parent with threads execs
// before it calls them. Generated code runs in the address space of its caller: the process
// must hold no secret, and nothing that it reports can be trusted more than the candidate.
//
// Not defended: CPU caches and timing (no clock is hidden), the existence and size of files
// (stat is answered while loading), use of memory bandwidth.
#ifndef OSEVOLVE_SANDBOX_SANDBOX_H_
#define OSEVOLVE_SANDBOX_SANDBOX_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "sandbox/describe_exit.h"

namespace ose {

struct SandboxLimits {
  // What the process may map *beyond* what it has when it enters. RLIMIT_AS: it counts every
  // kind of mapping, while RLIMIT_DATA overlooks stack-like ones (MAP_GROWSDOWN, mremap of the
  // stack). Relative, so that the same figure means the same in a sanitizer build.
  uint64_t memory_bytes = 512ull << 20;
  Nanos cpu = Nanos::Seconds(10);    // of this process from its fork; exact to a tick
  uint64_t stack_bytes = 8ull << 20; // capped by the hard limit that is in force
  uint64_t file_bytes = 0;           // writing regular files
  uint64_t open_files = 32;          // highest descriptor + 1 that can still be opened
  // Always: no core file, no new process.
};

struct SandboxOptions {
  SandboxLimits limits;
  // Files, or folders with all below them, that may be read while loading; list the candidate's
  // own file rather than the folder of all. Paths that do not exist are skipped.
  std::vector<std::string> readable;
  // Descriptors that stay open. All others are closed; 0, 1 and 2 become /dev/null unless they
  // are listed. Writing to 2 is always allowed (so that an abort's last words do not count as
  // an attack), reading and writing any other only as listed.
  std::vector<int> read_fds;
  std::vector<int> write_fds;
  // For tests of the fallbacks: behave as if the kernel had no Landlock.
  bool without_landlock = false;
};

// Error code of both: kSandboxUnavailable.
inline constexpr int kSandboxUnavailable = 32;  // core/exit_code.h: kExitNoSandbox
Status EnterLoading(const SandboxOptions& options);
Status EnterRunning();

// What this process maps: RLIMIT_AS counts from there, or from 0 in a process that execs. 0 if there is no /proc: a
// limit then counts what is mapped already, which errs on the safe side.
uint64_t MappedBytes();

// What this kernel and user can do, for `doctor` and for run records.
struct SandboxSupport {
  bool seccomp = false;        // with SECCOMP_RET_KILL_PROCESS: required, EnterLoading fails without
  int landlock_abi = 0;        // 0: the kernel has none, or it is switched off
  bool mount_namespace = false;  // the fallback for Landlock works (root, or user namespaces)
  bool privileged = false;     // started with CAP_SETUID: the worker becomes another user
  bool ok() const { return seccomp && (landlock_abi > 0 || mount_namespace); }
  std::string text;            // one line for a person, with the fix if something is missing
};
SandboxSupport ProbeSandbox();

}  // namespace ose

#endif  // OSEVOLVE_SANDBOX_SANDBOX_H_
