// Landlock: a process gives up the files that it does not name. Raw system calls, because the
// headers of a stable distribution lag behind the kernels that it runs on. Internal to sandbox.
#ifndef OSEVOLVE_SANDBOX_LANDLOCK_H_
#define OSEVOLVE_SANDBOX_LANDLOCK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace ose {

// The kernel's LANDLOCK_ACCESS_FS_* bits.
namespace landlock {
inline constexpr uint64_t kExecute = 1 << 0, kWriteFile = 1 << 1, kReadFile = 1 << 2, kReadDir = 1 << 3,
                          kRemoveDir = 1 << 4, kRemoveFile = 1 << 5, kMakeDir = 1 << 7, kMakeReg = 1 << 8,
                          kRefer = 1 << 13, kTruncate = 1 << 14, kIoctlDev = 1 << 15;
}  // namespace landlock

struct LandlockRule {
  std::string path;
  uint64_t access = 0;   // bits that this kernel does not know are left out
  bool required = false;  // a missing path is an error instead of nothing
};

// 0 when the kernel has no Landlock or it is switched off.
int LandlockAbi();

// A rule set under which only `rules` are allowed on files, and nothing that the kernel can
// deny on TCP ports, abstract sockets and signals to processes outside.
Result<Fd> BuildLandlock(const std::vector<LandlockRule>& rules);

// Binds this thread and its future children. Needs no_new_privs. 0 or an errno value;
// async-signal-safe.
int EnforceLandlock(int ruleset_fd);

}  // namespace ose

#endif  // OSEVOLVE_SANDBOX_LANDLOCK_H_
