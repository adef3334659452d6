#include "store/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "core/exit_code.h"

namespace ose {

Result<RunLock> RunLock::Acquire(const std::string& path) {
  std::string lock_path = path + ".lock";
  for (;;) {
    Fd fd(open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (!fd) return Error{kExitIo, "cannot write " + lock_path + ": " + strerror(errno) + ": choose a folder that is writable"};
    if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EINTR) continue;
      if (errno != EWOULDBLOCK) return Error{kExitIo, "cannot lock " + lock_path + ": " + strerror(errno)};
      char pid[32] = "";
      ssize_t n = pread(fd.get(), pid, sizeof pid - 1, 0);
      std::string holder = n > 0 ? "process " + std::string(pid, strcspn(pid, "\n")) : "another process";
      return Error{kExitDatabaseBusy, "the run " + path + " is being written by " + holder +
                                          ": wait until it ends or stop it, or use another --out"};
    }
    // A holder that just released has unlinked the file; what was locked then is no longer what
    // the name stands for, and the next process would lock a new file.
    struct stat locked, named;
    if (fstat(fd.get(), &locked) != 0 || stat(lock_path.c_str(), &named) != 0 || locked.st_ino != named.st_ino ||
        locked.st_dev != named.st_dev)
      continue;
    std::string pid = std::to_string(getpid()) + "\n";
    // The pid is for the message only: on a full disk the lock is as good without it.
    if (ftruncate(fd.get(), 0) == 0) [[maybe_unused]] ssize_t n = pwrite(fd.get(), pid.data(), pid.size(), 0);
    return RunLock(std::move(lock_path), std::move(fd));
  }
}

RunLock::~RunLock() {
  if (fd_) unlink(lock_path_.c_str());
}

}  // namespace ose
