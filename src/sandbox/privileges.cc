#include "sandbox/privileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ose {
namespace {

struct CapState {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
};

}  // namespace

void DropBoundingSet(uint64_t keep) {
  for (int cap = 0; cap < 64; ++cap)
    if (!(keep >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0) return;  // past the last, or no right to
}

int KeepCapabilities(uint64_t keep) {
  // Fails on kernels without ambient capabilities, which need not lose them.
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  CapState s;
  if (syscall(SYS_capget, &s.header, s.data) != 0) return errno;
  for (int half = 0; half < 2; ++half) {
    s.data[half].permitted &= static_cast<uint32_t>(keep >> (32 * half));
    s.data[half].effective = s.data[half].permitted;
    s.data[half].inheritable = 0;
  }
  return syscall(SYS_capset, &s.header, s.data) == 0 ? 0 : errno;
}

int ClearCapabilities() {
  CapState s;
  return syscall(SYS_capset, &s.header, s.data) == 0 ? 0 : errno;
}

uint64_t Capabilities() {
  CapState s;
  if (syscall(SYS_capget, &s.header, s.data) != 0) return 0;
  return s.data[0].effective | static_cast<uint64_t>(s.data[1].effective) << 32;
}

}  // namespace ose
