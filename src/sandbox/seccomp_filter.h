// The system calls that each kind of process may make, as programs for the kernel. Built ahead
// with libseccomp, installed with one system call. Internal to sandbox.
#ifndef OSEVOLVE_SANDBOX_SECCOMP_FILTER_H_
#define OSEVOLVE_SANDBOX_SECCOMP_FILTER_H_

#include <linux/filter.h>

#include <vector>

#include "base/result.h"

namespace ose {

using SeccompProgram = std::vector<sock_filter>;

// Allow-lists; anything else kills the process with SIGSYS. `pid` is the process that will
// install it. `may_drop_capabilities`: allow capset.
Result<SeccompProgram> LoadingFilter(const std::vector<int>& write_fds, int pid, bool may_drop_capabilities);
Result<SeccompProgram> RunningFilter(const std::vector<int>& read_fds, const std::vector<int>& write_fds,
                                     int pid);

// A deny-list, with EPERM: compilers are too various in what they call for an allow-list.
Result<SeccompProgram> CompilerFilter();

// Binds this thread and its future children. Needs no_new_privs. 0 or an errno value;
// async-signal-safe.
int InstallFilter(const SeccompProgram& program);

// The kernel can kill a whole process for a system call (Linux 4.14).
bool SeccompAvailable();

}  // namespace ose

#endif  // OSEVOLVE_SANDBOX_SECCOMP_FILTER_H_
