// CgroupMembers: the tasks of a control group (v2) as tasks of SCHED_EXT, for a policy that rules only them.
//
// A child inherits its parent's scheduling class, so one sweep takes a group over and later ones only what was moved
// into it since. Release() gives the tasks back; a task that is still SCHED_EXT when no policy rules is run by the
// fair class. Real-time and deadline tasks are left as they are. Needs root.
#ifndef OSEVOLVE_LIVE_CGROUP_H_
#define OSEVOLVE_LIVE_CGROUP_H_

#include <string>
#include <vector>

#include "base/result.h"

namespace ose {

inline constexpr int kSchedExt = 7;  // SCHED_EXT of linux/sched.h

class CgroupMembers {
 public:
  // `path`: a folder below /sys/fs/cgroup, or its name from there. kExitNotFound when there is no such group.
  static Result<CgroupMembers> Open(const std::string& path);
  // Takes over what is in the group and in those below it; the number of tasks that it changed.
  int Sweep();
  void Release();
  const std::string& path() const { return path_; }

 private:
  explicit CgroupMembers(std::string path) : path_(std::move(path)) {}
  std::vector<int> Threads() const;
  std::string path_;
};

}  // namespace ose

#endif  // OSEVOLVE_LIVE_CGROUP_H_
