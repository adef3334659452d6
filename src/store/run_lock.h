// RunLock: makes one process the only writer of a run.
//
// An flock(2) on FILE.lock, which the kernel drops when the holder dies, however it dies: a
// killed run never needs a stale lock removed by hand. The file holds the pid for the message to
// a second process and is removed on release, so that finished runs have no trace of it.
// Processes started by the holder do not inherit the lock across exec.
#ifndef OSEVOLVE_STORE_RUN_LOCK_H_
#define OSEVOLVE_STORE_RUN_LOCK_H_

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace ose {

class RunLock {
 public:
  // Locks `path` + ".lock". kExitDatabaseBusy naming the holder's pid, at once, when it is taken;
  // kExitIo when the lock file cannot be made.
  static Result<RunLock> Acquire(const std::string& path);
  RunLock(RunLock&&) noexcept = default;
  RunLock& operator=(RunLock&&) = delete;
  ~RunLock();

 private:
  RunLock(std::string lock_path, Fd fd) : lock_path_(std::move(lock_path)), fd_(std::move(fd)) {}
  std::string lock_path_;
  Fd fd_;
};

}  // namespace ose

#endif  // OSEVOLVE_STORE_RUN_LOCK_H_
