#include "live/cgroup.h"

#include <fmt/format.h>
#include <sched.h>

#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "core/exit_code.h"

namespace ose {
namespace {

constexpr char kRoot[] = "/sys/fs/cgroup";

}  // namespace

Result<CgroupMembers> CgroupMembers::Open(const std::string& path) {
  std::string full = path.starts_with('/') ? path : JoinPath(kRoot, path);
  while (full.size() > 1 && full.ends_with('/')) full.pop_back();
  if (!full.starts_with(std::string(kRoot) + "/") || full.find("/../") != full.npos || full.ends_with("/.."))
    return Error{kExitUsage, fmt::format("{}: no control group: it must be below {}", path, kRoot)};
  if (!FileExists(JoinPath(full, "cgroup.procs"))) return Error{kExitNotFound, fmt::format("{}: there is no such control group", full)};
  return CgroupMembers(std::move(full));
}

std::vector<int> CgroupMembers::Threads() const {
  std::vector<int> threads;
  const auto read = [&](const std::string& dir) {
    auto text = ReadFile(JoinPath(dir, "cgroup.threads"), 64 << 20);
    if (!text.ok()) return;
    const char* at = text->c_str();
    for (char* end = nullptr;; at = end) {
      const long tid = strtol(at, &end, 10);
      if (end == at) break;
      threads.push_back(static_cast<int>(tid));
    }
  };
  read(path_);
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator it(path_, error), last; !error && it != last; it.increment(error))
    if (it->is_directory(error)) read(it->path());
  return threads;
}

int CgroupMembers::Sweep() {
  int changed = 0;
  for (int tid : Threads()) {
    const int policy = sched_getscheduler(tid) & ~SCHED_RESET_ON_FORK;
    if (policy != SCHED_OTHER && policy != SCHED_BATCH && policy != SCHED_IDLE) continue;
    sched_param none{};
    changed += sched_setscheduler(tid, kSchedExt, &none) == 0;
  }
  return changed;
}

void CgroupMembers::Release() {
  for (int tid : Threads()) {
    if (sched_getscheduler(tid) != kSchedExt) continue;
    sched_param none{};
    (void)sched_setscheduler(tid, SCHED_OTHER, &none);
  }
}

}  // namespace ose
