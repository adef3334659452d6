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

#include "core/exit_code.h"

namespace ose {

Status CheckPrivateFile(const std::string& path) {
  struct stat s{};
  if (stat(path.c_str(), &s) != 0) return Error{kExitNotFound, fmt::format("{}: {}", path, strerror(errno))};
  if (!S_ISREG(s.st_mode)) return Error{kExitUsage, path + " is no regular file"};
  if (s.st_mode & (S_IWGRP | S_IWOTH)) return Error{kExitUsage, fmt::format("{} can be written to by others: chmod go-w it", path)};
  const char* user = getenv("SUDO_UID");
  const bool ours = s.st_uid == 0 || s.st_uid == getuid() || (user && std::to_string(s.st_uid) == user);
  if (!ours) return Error{kExitUsage, fmt::format("{} belongs to another user ({}): copy it first", path, s.st_uid)};
  return {};
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
