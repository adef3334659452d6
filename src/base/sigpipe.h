// SigpipeGuard: within its scope, writing to a pipe without a reader fails with EPIPE and
// raises nothing in this thread. Unlike ignoring the signal it changes no process-wide state,
// which every child would inherit.
#ifndef OSEVOLVE_BASE_SIGPIPE_H_
#define OSEVOLVE_BASE_SIGPIPE_H_

#include <errno.h>
#include <signal.h>
#include <time.h>

namespace ose {

class SigpipeGuard {
 public:
  SigpipeGuard() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &set_, &old_);
  }
  SigpipeGuard(const SigpipeGuard&) = delete;
  SigpipeGuard& operator=(const SigpipeGuard&) = delete;
  ~SigpipeGuard() {
    // A SIGPIPE of our own making is still pending: consume it before it can be delivered.
    if (raised_ && !was_pending_) {
      timespec zero{};
      while (sigtimedwait(&set_, nullptr, &zero) < 0 && errno == EINTR) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &old_, nullptr);
  }
  // To be called when a write failed with EPIPE.
  void Raised() { raised_ = true; }

 private:
  sigset_t set_, old_;
  bool was_pending_ = false;
  bool raised_ = false;
};

}  // namespace ose

#endif  // OSEVOLVE_BASE_SIGPIPE_H_
