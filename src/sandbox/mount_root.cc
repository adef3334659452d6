#include "sandbox/mount_root.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

#include "base/fd.h"
#include "base/file.h"
#include "sandbox/sandbox.h"

namespace ose {
namespace {

// Declared here, for libc's headers may lack them (Linux 5.2, 5.12).
constexpr long kOpenTree = 428, kMoveMount = 429, kMountSetattr = 442;
constexpr unsigned kOpenTreeClone = 1, kRecursive = 0x8000 /* AT_RECURSIVE */, kFromFd = 4;
struct MountAttr {
  uint64_t set, clear, propagation, userns_fd;
};
constexpr uint64_t kReadOnly = 1;

// Any folder serves: the tmpfs on top of it is only seen until it becomes the root.
constexpr char kStage[] = "/tmp";

Error Failed(const std::string& what) {
  return {kSandboxUnavailable, "mount namespace: cannot " + what + ": " + strerror(errno)};
}

bool WriteFileOnce(const char* path, const std::string& text) {
  Fd fd(open(path, O_WRONLY | O_CLOEXEC));
  return fd && write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// Without the maps nothing can be created on the tmpfs.
Status EnterNamespaces() {
  if (unshare(CLONE_NEWNS) == 0) return {};
  const std::string uid = std::to_string(geteuid()), gid = std::to_string(getegid());
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return Failed("make one");
  WriteFileOnce("/proc/self/setgroups", "deny");
  if (!WriteFileOnce("/proc/self/uid_map", uid + " " + uid + " 1") ||
      !WriteFileOnce("/proc/self/gid_map", gid + " " + gid + " 1"))
    return Failed("map the user");
  return {};
}

}  // namespace

Status EnterMountRoot(const std::vector<std::string>& readable) {
  OSE_TRY(EnterNamespaces());
  if (mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return Failed("cut it off");

  std::vector<std::pair<std::string, Fd>> trees;
  for (const std::string& path : readable) {
    Fd tree(static_cast<int>(syscall(kOpenTree, AT_FDCWD, path.c_str(), kOpenTreeClone | kRecursive | O_CLOEXEC)));
    if (!tree && (errno == ENOENT || errno == ENOTDIR || errno == EACCES)) continue;
    if (!tree) return Failed("take " + path);
    MountAttr attr{kReadOnly, 0, 0, 0};
    if (syscall(kMountSetattr, tree.get(), "", AT_EMPTY_PATH | kRecursive, &attr, sizeof attr) != 0)
      return Failed("make " + path + " read-only");
    trees.emplace_back(path, std::move(tree));
  }

  if (mount("tmpfs", kStage, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=0755") != 0) return Failed("mount a tmpfs");
  for (auto& [path, tree] : trees) {
    struct stat st{};
    if (fstat(tree.get(), &st) != 0) return Failed("look at " + path);
    const std::string target = kStage + path;
    const bool folder = S_ISDIR(st.st_mode);
    OSE_TRY(MakeDirs(folder ? target : Dirname(target)));
    // Listed twice, or below a listed folder: the name is there, and read-only.
    if (!folder) Fd(open(target.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0444));
    if (syscall(kMoveMount, tree.get(), "", AT_FDCWD, target.c_str(), kFromFd) != 0) return Failed("place " + path);
  }
  // The new root on top of the old one, then the old one away: pivot_root(2), "NOTES".
  if (chdir(kStage) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0 ||
      chdir("/") != 0)
    return Failed("change the root");
  return {};
}

}  // namespace ose
