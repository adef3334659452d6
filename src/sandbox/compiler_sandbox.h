// The compiler reads text that a machine wrote, so it runs limited too. This is milder than
// the worker's sandbox, as clang and ld are programs we trust with input that we do not:
//  - Landlock: reads only `readable`, writes only below `writable_dir` (and /dev/null), so that
//    `#include "/etc/passwd"`, `#embed </proc/self/environ>` and `.incbin` find nothing;
//  - seccomp: no sockets, no ptrace, no access to other processes, no mounts, keys, bpf, ...:
//    such calls fail with EPERM;
//  - limits on CPU time, memory, file size and open files; no new privileges, no capabilities.
// Without Landlock (see ProbeSandbox) the file rules are missing and the rest holds.
//
//   OSE_ASSIGN(ChildHook hook, CompilerSandbox(options));     // once: opens, allocates
//   RunCommand({.argv = {"clang++-19", ...}, .env = {{"TMPDIR=" + dir, "PATH=..."}}, .in_child = hook});
//
// The hook makes some ten system calls and may be used for any number of children at once.
#ifndef OSEVOLVE_SANDBOX_COMPILER_SANDBOX_H_
#define OSEVOLVE_SANDBOX_COMPILER_SANDBOX_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/subprocess.h"

namespace ose {

struct CompilerLimits {
  uint64_t cpu_seconds = 20;           // ends in SIGKILL; DescribeExit(status, cpu, limit) tells
  uint64_t memory_bytes = 2ull << 30;  // RLIMIT_AS, per process
  uint64_t file_bytes = 64ull << 20;
  uint64_t open_files = 256;
};

struct CompilerSandboxOptions {
  // Besides the toolchain: the policy API's include folder, the source file. Files or folders.
  std::vector<std::string> readable;
  // The one folder that may be written; TMPDIR must point into it. "" = none.
  std::string writable_dir;
  CompilerLimits limits;
};

// Folders with the compiler, linker, their libraries and system headers; always readable.
std::vector<std::string> ToolchainPaths();

// An error (kSandboxUnavailable) when the kernel lacks seccomp or a path cannot be opened.
Result<ChildHook> CompilerSandbox(const CompilerSandboxOptions& options);

}  // namespace ose

#endif  // OSEVOLVE_SANDBOX_COMPILER_SANDBOX_H_
