#include "cluster/cluster_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <thread>

#include "base/file.h"
#include "base/hash.h"
#include "base/time.h"
#include "core/exit_code.h"

namespace ose {
namespace fs = std::filesystem;

Result<ClusterFolder> ClusterFolder::Open(const std::string& path, bool temporary) {
  const auto fail = [&](const std::string& why) { return Error{kExitIo, "cannot use the folder of cluster jobs " + path + ": " + why + "; name another that the nodes see: --slurm-folder"}; };
  for (const char* sub : {"/problems", "/batches", "/results", "/programs"}) {
    if (Status made = MakeDirs(path + sub); !made.ok()) return fail(made.error().message);
    // Sources, programs that nodes run, results that are believed within limits: for nobody else.
    if (chmod((path + sub).c_str(), 0700) != 0) return fail(strerror(errno));
  }
  std::error_code error;
  const std::string absolute = fs::canonical(path, error);
  if (error) return fail(error.message());
  Fd lock(open((absolute + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return fail(strerror(errno));
  // What cancels the jobs of an earlier process has the lock for a moment.
  const Nanos until = MonotonicNow() + Nanos::Seconds(5);
  while (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(strerror(errno));
    if (MonotonicNow() > until) return Error{kExitDatabaseBusy, path + ": another osevolve has its cluster jobs here; wait for it, or name another folder: --slurm-folder"};
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return ClusterFolder(absolute, std::move(lock), temporary);
}

ClusterFolder::ClusterFolder(ClusterFolder&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::move(other.lock_)), temporary_(other.temporary_) {
  other.temporary_ = false;
}

ClusterFolder::~ClusterFolder() {
  std::error_code ignored;
  if (temporary_) fs::remove_all(path_, ignored);
}

Result<std::string> ClusterFolder::CopyPrograms(const std::string& program_dir, const std::string& include_dir) const {
  const std::pair<std::string, std::string> files[] = {{program_dir + "/osevolve", "bin/osevolve"},
                                                       {program_dir + "/osevolve-gate", "bin/osevolve-gate"},
                                                       {program_dir + "/osevolve-worker", "bin/osevolve-worker"},
                                                       {include_dir + "/osevolve/policy.h", "include/osevolve/policy.h"}};
  std::string all;
  for (const auto& [from, to] : files) {
    OSE_ASSIGN(std::string bytes, ReadFile(from));
    all += Sha256Hex(bytes);
  }
  const std::string dir = path_ + "/programs/" + Sha256Hex(all).substr(0, 16);
  for (const auto& [from, to] : files) {
    const std::string path = dir + "/" + to;
    if (FileExists(path)) continue;
    OSE_TRY(MakeDirs(Dirname(path)));
    OSE_ASSIGN(std::string bytes, ReadFile(from));
    OSE_TRY(WriteFileAtomic(path, bytes));
    if (to.starts_with("bin/") && chmod(path.c_str(), 0700) != 0) return Error{kExitIo, path + ": " + strerror(errno)};
  }
  return dir + "/bin/osevolve";
}

}  // namespace ose
