// Where there is no Landlock: a root folder that holds nothing but the listed paths, in a mount
// namespace of this process. Internal to sandbox.
#ifndef OSEVOLVE_SANDBOX_MOUNT_ROOT_H_
#define OSEVOLVE_SANDBOX_MOUNT_ROOT_H_

#include <string>
#include <vector>

#include "base/result.h"

namespace ose {

// For a single-threaded process. As root it makes a mount namespace; otherwise within a user
// namespace of its own, in which the process holds all capabilities until it drops them. The
// paths (absolute; missing ones are skipped) keep their names and become read-only.
Status EnterMountRoot(const std::vector<std::string>& readable);

}  // namespace ose

#endif  // OSEVOLVE_SANDBOX_MOUNT_ROOT_H_
