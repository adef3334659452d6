#include "live/session.h"

#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/fd.h"
#include "base/subprocess.h"
#include "core/exit_code.h"
#include "live/bpf_words.h"
#include "live/signals.h"

namespace ose {
namespace {

constexpr int kSchedExt = 7;  // SCHED_EXT
const Nanos kWatch = Nanos::Millis(50);

class Session {
 public:
  explicit Session(const SessionOptions& options) : o_(options) {}

  Status Start() {
    for (const std::string& object : o_.objects) {
      OSE_ASSIGN(Loader loader, Loader::Open(object, o_.load));
      OSE_TRY(loader.Load());
      if (!next_.has_value() && current_ < 0) next_ = std::move(loader);
    }
    return Attach(Nanos{});
  }

  // False when the kernel has ejected the policy.
  bool Rules() {
    if (!running_) return false;
    rule_.exit = running_->exit_info();
    return rule_.exit.kind == 0 && SchedExtState() != "disabled";
  }

  Status Swap() {
    const size_t following = static_cast<size_t>(current_ + 1) % o_.objects.size();
    OSE_ASSIGN(Loader loader, Loader::Open(o_.objects[following], o_.load));
    OSE_TRY(loader.Load());
    const Nanos end = MonotonicNow();
    Close();
    next_ = std::move(loader);
    ++result.swaps;
    return Attach(end);
  }

  void Close() {
    if (!running_) return;
    running_->Detach();
    // Detaching is asynchronous: the exit operation fills the information in.
    for (int i = 0; i < 200 && running_->exit_info().kind == 0; ++i) usleep(5000);
    rule_.exit = running_->exit_info();
    rule_.counters = running_->counters();
    rule_.time = MonotonicNow() - since_;
    running_.reset();
    result.rules.push_back(std::exchange(rule_, {}));
  }

  SessionResult result;

 private:
  Status Attach(Nanos gap_from) {
    current_ = static_cast<int>(static_cast<size_t>(current_ + 1) % o_.objects.size());
    const Nanos start = MonotonicNow();
    OSE_TRY(next_->Attach());
    since_ = MonotonicNow();
    rule_.policy = next_->name();
    rule_.object = o_.objects[static_cast<size_t>(current_)];
    rule_.attach = since_ - start;
    if (gap_from.v > 0) rule_.gap = since_ - gap_from;
    running_ = std::exchange(next_, std::nullopt);
    return {};
  }

  const SessionOptions& o_;
  std::optional<Loader> running_, next_;
  Rule rule_;
  Nanos since_{};
  int current_ = -1;
};

}  // namespace

Result<SessionResult> RunSession(const SessionOptions& options) {
  OSE_ASSIGN(Fd signals, CatchSignals());
  Session session(options);
  OSE_TRY(session.Start());
  std::optional<Subprocess> command;
  if (!options.command.empty()) {
    SubprocessOptions run;
    run.argv = options.command;
    const bool partial = options.load.partial;
    run.in_child = [partial] {
      sched_param none{};
      return partial && sched_setscheduler(0, kSchedExt, &none) != 0 ? errno : 0;
    };
    OSE_ASSIGN(Subprocess started, Subprocess::Start(run));
    command = std::move(started);
    command->CloseIn();
  }
  Nanos next_swap = MonotonicNow() + options.swap_every;
  bool rules = true;
  for (;;) {
    // What the command writes is passed on; at its end we see it here first.
    pollfd watched[2] = {{signals.get(), POLLIN, 0}, {command ? command->out() : -1, POLLIN, 0}};
    poll(watched, command ? 2 : 1, static_cast<int>(std::min(kWatch, options.swap_every).v / 1'000'000) + 1);
    if (watched[0].revents) break;
    if (command) {
      char buffer[65536];
      for (ssize_t n; (n = read(command->out(), buffer, sizeof buffer)) > 0;)
        if (write(STDOUT_FILENO, buffer, static_cast<size_t>(n)) != n) break;
      if (auto end = command->Wait(Nanos{})) {
        session.result.exit_code = end->exit_code >= 0 ? end->exit_code : 128 + end->signal;
        break;
      }
    }
    if (rules && !session.Rules()) {
      rules = false;
      session.result.ejected = true;
      session.Close();
      if (!command) break;
    }
    const bool may_swap = options.objects.size() > 1 && (options.max_swaps == 0 || session.result.swaps < options.max_swaps);
    if (rules && may_swap && MonotonicNow() >= next_swap) {
      OSE_TRY(session.Swap());
      next_swap = MonotonicNow() + options.swap_every;
    }
  }
  session.Close();
  return std::move(session.result);
}

}  // namespace ose
