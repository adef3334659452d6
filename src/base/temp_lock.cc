#include "base/temp_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace ose {
namespace {

namespace fs = std::filesystem;

// A folder is made first and locked then; younger ones may be between the two.
constexpr time_t kTooYoung = 60;

// The lock goes with the last descriptor of it, whatever ends its owner. Unlike a pid in the name it also tells the
// owners in other containers that share the folder.
Fd Lock(const std::string& path) {
  Fd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (fd && flock(fd.get(), LOCK_EX | LOCK_NB) != 0) fd.reset();
  return fd;
}

}  // namespace

Fd HoldTempDir(const TempDir& dir, std::string_view prefix) {
  Fd held = Lock(dir.path());
  const std::string start = std::string(prefix) + ".", own = Basename(dir.path());
  std::error_code error;
  for (fs::directory_iterator it(Dirname(dir.path()), fs::directory_options::skip_permission_denied, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename();
    if (!name.starts_with(start) || name == own) continue;
    struct stat s{};
    if (lstat(it->path().c_str(), &s) != 0 || !S_ISDIR(s.st_mode) || s.st_uid != geteuid() || time(nullptr) - s.st_mtime < kTooYoung) continue;
    std::error_code ignored;
    if (Fd stale = Lock(it->path()); stale) fs::remove_all(it->path(), ignored);
  }
  return held;
}

}  // namespace ose
