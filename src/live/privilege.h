// What a privileged process needs around a policy: private files, signals that end it in order, and precedence
// over the tasks that the policy schedules.
#ifndef OSEVOLVE_LIVE_PRIVILEGE_H_
#define OSEVOLVE_LIVE_PRIVILEGE_H_

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace ose {

// What a stranger may write to must not reach the kernel: kExitUsage for a file that its group or everybody may
// write to or that belongs to somebody else than root and us, or lies below a folder of which that holds (a sticky
// one may be written to by all: nobody can replace our file there). kExitNotFound when there is none.
Status CheckPrivateFile(const std::string& path);

// SIGINT, SIGTERM and SIGHUP become readable, so that a policy is always taken out in order. Blocks them in this
// thread.
Result<Fd> CatchEndSignals();

// SCHED_FIFO for this thread, so that no policy of sched_ext can keep it from watching, and memory that is never
// paged. Children are ordinary again. Does what the rights allow.
void BecomeRealTime();

}  // namespace ose

#endif  // OSEVOLVE_LIVE_PRIVILEGE_H_
