// What `osevolve deploy`, `undeploy` and `status` say to the supervisor of osevolve-live: one frame (base/frame.h)
// of JSON over the Unix socket `control` in the supervisor's folder, one frame back, then the connection ends.
//
//   {"do": "deploy", "object": PATH, "partial": false, "cgroup": PATH, "timeout_ms": N, "tunables": {NAME: INT}}
//   {"do": "rollback"}     the policy before this one
//   {"do": "stop"}         the kernel's own scheduler; the supervisor ends
//   {"do": "status"}
//     -> {"ok": true, "status": {...}}     docs/kernel.md
//     -> {"ok": false, "code": N, "error": "..."}
#ifndef OSEVOLVE_CORE_LIVE_PROTOCOL_H_
#define OSEVOLVE_CORE_LIVE_PROTOCOL_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ose {

inline constexpr char kLiveDir[] = "/run/osevolve";
inline constexpr uint64_t kMaxLiveFrame = 1 << 20;
inline constexpr uint32_t kDefaultStallMs = 5000;

struct LiveRequest {
  enum class Do { kDeploy, kRollback, kStop, kStatus };
  Do what = Do::kStatus;
  // Of a deployment:
  std::string object;  // absolute path
  bool partial = false;  // only tasks of policy SCHED_EXT
  std::string cgroup;    // not empty: partial, and the tasks of this control group become SCHED_EXT
  uint32_t timeout_ms = kDefaultStallMs;
  std::map<std::string, int64_t> tunables;
};

std::string EncodeLiveRequest(const LiveRequest& request);
Result<LiveRequest> DecodeLiveRequest(std::string_view json);

// `status` is a JSON object.
std::string EncodeLiveReply(const Result<std::string>& status);
Result<std::string> DecodeLiveReply(std::string_view json);

// Which task waited too long when the kernel ejected a policy: the one that its message names ("NAME[PID] failed to
// run for N.NNNs", kernel/sched/ext.c, check_rq_for_timeouts); else, as when its watchdog itself was starved, the
// one that waits longest in its debug dump ("R NAME[PID] -Nms", scx_dump_task).
struct StalledTask {
  std::string comm;
  int pid = 0;  // 0: neither names a task
  double waited_s = 0;
};
StalledTask FindStalledTask(const std::string& message, const std::string& dump);

}  // namespace ose

#endif  // OSEVOLVE_CORE_LIVE_PROTOCOL_H_
