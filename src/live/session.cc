#include "live/session.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/fd.h"
#include "base/subprocess.h"
#include "live/cgroup.h"
#include "live/privilege.h"

namespace ose {
namespace {

const Nanos kWatch = Nanos::Millis(100);

}  // namespace

Result<SessionResult> RunSession(const SessionOptions& options) {
  OSE_ASSIGN(Fd signals, CatchEndSignals());
  BecomeRealTime();
  const size_t n = options.objects.size();
  OSE_ASSIGN(HintsMap hints, MakeHintsMap());
  LoaderOptions load = options.load;
  load.hints_fd = hints.fd.get();
  for (size_t i = 1; i < n; ++i) {
    OSE_ASSIGN(Loader loader, Loader::Open(options.objects[i], load));
    OSE_TRY(loader.Load());
  }
  Ruler ruler;
  SessionResult result;
  OSE_TRY(ruler.Begin({options.objects[0], load}));
  std::optional<Subprocess> command;
  if (!options.command.empty()) {
    SubprocessOptions run;
    run.argv = options.command;
    const std::string where = fmt::format("{}:{}", hints.fd.get(), hints.entries);
    setenv("OSEVOLVE_HINTS", where.c_str(), 1);
    run.in_child = [partial = load.partial, fd = hints.fd.get()] {
      sched_param none{};
      if (fcntl(fd, F_SETFD, 0) != 0) return errno;
      return partial && sched_setscheduler(0, kSchedExt, &none) != 0 ? errno : 0;
    };
    OSE_ASSIGN(Subprocess started, Subprocess::Start(run));
    command = std::move(started);
    command->CloseIn();
  }
  Nanos next_swap = MonotonicNow() + options.swap_every;
  bool rules = true;
  int output = command ? command->out() : -1;  // passed on until it is closed
  for (;;) {
    pollfd watched[2] = {{signals.get(), POLLIN, 0}, {output, POLLIN, 0}};
    poll(watched, 2, static_cast<int>(std::min(kWatch, options.swap_every).v / 1'000'000) + 1);
    if (watched[0].revents) break;
    if (command) {
      char buffer[65536];
      ssize_t got = 0;
      while (output >= 0 && (got = read(output, buffer, sizeof buffer)) > 0)
        if (write(STDOUT_FILENO, buffer, static_cast<size_t>(got)) != got) break;
      // A closed pipe is always ready: to poll it would be a loop, at a priority above the command that is to end.
      if (got == 0) output = -1;
      if (auto end = command->Wait(Nanos{})) {
        result.exit_code = end->exit_code >= 0 ? end->exit_code : 128 + end->signal;
        break;
      }
    }
    if (rules && !ruler.Rules()) {
      rules = false;
      result.ejected = true;
      if (!command) break;
    }
    const bool may_swap = n > 1 && (options.max_swaps == 0 || result.swaps < options.max_swaps);
    if (rules && may_swap && MonotonicNow() >= next_swap) {
      ++result.swaps;
      OSE_TRY(ruler.Begin({options.objects[static_cast<size_t>(result.swaps) % n], load}));
      next_swap = MonotonicNow() + options.swap_every;
    }
  }
  ruler.End();
  result.rules = ruler.TakeEnded();
  return result;
}

}  // namespace ose
