// SIGINT, SIGTERM and SIGHUP become readable, so that a policy is always taken out in order.
#ifndef OSEVOLVE_LIVE_SIGNALS_H_
#define OSEVOLVE_LIVE_SIGNALS_H_

#include <signal.h>
#include <sys/signalfd.h>

#include "base/fd.h"
#include "base/result.h"
#include "core/exit_code.h"

namespace ose {

inline Result<Fd> CatchSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  Fd fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return Error{kExitIo, "signals cannot be watched"};
  return fd;
}

}  // namespace ose

#endif  // OSEVOLVE_LIVE_SIGNALS_H_
