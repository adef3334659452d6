// Supervisor: the daemon behind `osevolve deploy`. It keeps one policy in power, watches it, and goes back to the
// last one that did well, or to the kernel's own scheduler, when the kernel ejects it.
//
// Its folder (mode 0755, of root) has
//   control        Unix socket (0600): core/live_protocol.h
//   status.json    the same as `status` answers, for everybody to read; renewed each second and at each change
//   *.bpf.o        its own copies of the policies, so that nobody can change one under it
//   lock           held as long as it lives
// Its end, also by kill -9, leaves the machine on the fair class. It is real-time itself (SCHED_FIFO), above what
// it watches.
#ifndef OSEVOLVE_LIVE_SUPERVISOR_H_
#define OSEVOLVE_LIVE_SUPERVISOR_H_

#include <functional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "core/live_protocol.h"

namespace ose {

struct SupervisorOptions {
  std::string dir = kLiveDir;
  std::string journal;      // JSON lines of what happened, appended; "" = none
  LiveRequest first;        // the deployment it starts with
  Nanos good_after = Nanos::Seconds(10);  // a policy that ruled so long is one to go back to
  std::function<void()> on_ready;         // the first policy rules
};

// Runs until told to stop or until SIGTERM, SIGINT or SIGHUP. kExitNoSchedExt when another supervisor has the folder.
Status Supervise(const SupervisorOptions& options);

}  // namespace ose

#endif  // OSEVOLVE_LIVE_SUPERVISOR_H_
