#include "live/privilege.h"

#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "core/exit_code.h"

namespace ose {

namespace {

bool IsOurs(uid_t owner) {
  const char* user = getenv("SUDO_UID");
  return owner == 0 || owner == getuid() || (user && std::to_string(owner) == user);
}

// A folder in which a stranger may put another file in the place of ours. In a sticky one (/tmp) only the owner may.
Status CheckPrivateFolder(const std::string& path) {
  struct stat s{};
  if (stat(path.c_str(), &s) != 0) return Error{kExitNotFound, fmt::format("{}: {}", path, strerror(errno))};
  if ((s.st_mode & (S_IWGRP | S_IWOTH)) && !(s.st_mode & S_ISVTX))
    return Error{kExitUsage, fmt::format("the folder {} can be written to by others: chmod go-w it, or copy the file elsewhere", path)};
  if (!IsOurs(s.st_uid)) return Error{kExitUsage, fmt::format("the folder {} belongs to another user ({}): copy the file elsewhere", path, s.st_uid)};
  return {};
}

}  // namespace

Status CheckPrivateFile(const std::string& path) {
  struct stat s{};
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(path, error);
  if (error) return Error{kExitNotFound, fmt::format("{}: {}", path, error.message())};
  if (stat(real.c_str(), &s) != 0) return Error{kExitNotFound, fmt::format("{}: {}", path, strerror(errno))};
  if (!S_ISREG(s.st_mode)) return Error{kExitUsage, path + " is no regular file"};
  if (s.st_mode & (S_IWGRP | S_IWOTH)) return Error{kExitUsage, fmt::format("{} can be written to by others: chmod go-w it", path)};
  if (!IsOurs(s.st_uid)) return Error{kExitUsage, fmt::format("{} belongs to another user ({}): copy it first", path, s.st_uid)};
  for (std::filesystem::path dir = real.parent_path();; dir = dir.parent_path()) {
    OSE_TRY(CheckPrivateFolder(dir));
    if (dir == dir.root_path()) return {};
  }
}

Result<Fd> CatchEndSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  Fd fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return Error{kExitIo, fmt::format("signals cannot be watched: {}", strerror(errno))};
  return fd;
}

void BecomeRealTime() {
  sched_param one{};
  one.sched_priority = 1;
  (void)sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &one);
  (void)mlockall(MCL_CURRENT | MCL_FUTURE);
}

}  // namespace ose
