#include "live/agent_session.h"

#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/fd.h"
#include "base/subprocess.h"
#include "core/exit_code.h"
#include "live/shim.h"
#include "live/cgroup.h"
#include "live/privilege.h"
#include "sandbox/describe_exit.h"

namespace ose {
namespace {

const Nanos kWatch = Nanos::Millis(50);
const Nanos kStartLimit = Nanos::Seconds(30);  // a policy's init() included
const Nanos kHaste = Nanos::Seconds(1);        // of which so long ahead of everybody
const Nanos kWordLimit = Nanos::Seconds(2);    // taking over, stopping
const Nanos kSilence = Nanos::Seconds(1);      // in the shim's hands: the agent hangs

// With --partial only tasks that ask for it are the shim's.
ChildHook BecomeExt(bool partial) {
  return [partial] {
    sched_param none{};
    return partial && sched_setscheduler(0, kSchedExt, &none) != 0 ? errno : 0;
  };
}

// One agent process.
class Child {
 public:
  static Result<Child> Start(const AgentSessionOptions& o, const ShimMaps& maps, const std::string& object) {
    SubprocessOptions run;
    run.argv = {o.program, "agent-child", "--maps", maps.Text(), "--policy", object};
    for (auto& [name, value] : o.tunables) run.argv.insert(run.argv.end(), {"--set", name + "=" + std::to_string(value)});
    run.stderr_to = ChildOutput::kCapture;
    run.in_child = BecomeExt(o.partial);  // the shim sees when it goes to sleep
    OSE_ASSIGN(Subprocess process, Subprocess::Start(run));
    return Child(std::move(process), object);
  }

  const std::string& object() const { return object_; }
  pid_t pid() const { return process_.pid(); }
  int out() const { return process_.out(); }

  bool Tell(char word) { return write(process_.in(), &word, 1) == 1; }

  // The next line, without its end; nullopt when none came in time or the process is gone.
  std::optional<std::string> Hear(Nanos limit) {
    const Nanos end = MonotonicNow() + limit;
    for (;;) {
      const size_t line = words_.find('\n');
      if (line != words_.npos) {
        std::string text = words_.substr(0, line);
        words_.erase(0, line + 1);
        return text;
      }
      if (closed_) return std::nullopt;
      const Nanos left = end - MonotonicNow();
      pollfd p{process_.out(), POLLIN, 0};
      if (poll(&p, 1, left.v > 0 ? static_cast<int>(left.v / 1'000'000) + 1 : 0) <= 0) {
        if (left.v <= 0) return std::nullopt;
        continue;
      }
      char buffer[1024];
      const ssize_t n = read(process_.out(), buffer, sizeof buffer);
      if (n > 0) words_.append(buffer, static_cast<size_t>(n));
      else if (n == 0 || (errno != EAGAIN && errno != EINTR)) closed_ = true;
    }
  }

  bool closed() const { return closed_; }  // it has said its last
  bool gone() { return process_.Wait(Nanos{}).has_value(); }
  void Kill() { process_.Kill(); }

  // Why it ended, or why it had to be ended.
  std::string Reason() {
    const std::optional<std::string> last = Hear(Nanos{});
    auto end = process_.Wait(kWordLimit);
    if (!end) {
      process_.Kill();
      end = process_.Wait();
    }
    if (last && last->starts_with("broke ")) return "broke a rule: " + last->substr(6);
    std::string text = process_.TakeStderr();
    while (!text.empty() && text.back() == '\n') text.pop_back();
    const ExitReason reason = DescribeExit(end->wait_status);
    return text.empty() ? reason.text : reason.text.empty() ? text : reason.text + ": " + text;
  }

 private:
  Child(Subprocess process, std::string object) : process_(std::move(process)), object_(std::move(object)) {}
  Subprocess process_;
  std::string object_, words_;
  bool closed_ = false;
};

class Session {
 public:
  Session(const AgentSessionOptions& o, Shim shim) : o_(o), shim_(std::move(shim)), upward_(AGENT_BUCKETS) {}

  // The first policy. The shim rules until it does.
  Status Start() {
    shim_.page().supervisor_pid = static_cast<unsigned>(getpid());
    OSE_ASSIGN(Child child, Prepare(o_.objects[0]));
    OSE_TRY(Enthrone(std::move(child), Nanos{}));
    return PrepareNext();
  }

  // Precondition: MaySwap().
  Status Swap() {
    child_->Tell('s');
    const auto word = child_->Hear(kWordLimit);
    if (!word || !word->starts_with("stopped")) return Fail(word ? *word : "did not stop when told to");
    const Nanos stopped = {static_cast<int64_t>(shim_.control().stopped_at)};
    Close("swapped", false);
    good_ = objects_index_;
    objects_index_ = next_index_;
    Child next = *std::exchange(next_, std::nullopt);
    OSE_TRY(Enthrone(std::move(next), stopped));
    if (failed_) return {};
    ++result.swaps;
    return PrepareNext();
  }

  // Looks after the agent; called every 50 ms or so.
  Status Watch() {
    if (result.detached) return {};
    if (shim_.exit_info().kind != 0 || SchedExtState() == "disabled") {
      Close("the kernel took the shim out", true);
      result.detached = true;
      result.always_enabled = false;
      child_.reset();
      return {};
    }
    if (SchedExtState() != "enabled") result.always_enabled = false;
    if (child_->gone()) return Fail("");
    OSE_TRY(WatchNext());
    const Nanos beat = std::max(since_, Nanos{static_cast<int64_t>(shim_.control().heartbeat)});
    if (shim_.page().fallback && MonotonicNow() - beat > kSilence) return Fail("did not answer for 1 s");
    return {};
  }

  bool rules() const { return child_.has_value(); }
  int out() const { return child_ ? child_->out() : -1; }

  void End() {
    if (child_) {
      child_->Tell('s');
      const auto word = child_->Hear(kWordLimit);
      Close(word && word->starts_with("stopped") ? "stopped" : "did not stop when told to", !word);
      child_.reset();
    }
    next_.reset();
    result.shim = shim_.page();
    shim_.Detach();
    for (int i = 0; i < 200 && shim_.exit_info().kind == 0; ++i) usleep(5000);  // detaching is asynchronous
    result.exit = shim_.exit_info();
    result.upward = upward_;
  }

  AgentSessionResult result;

 private:
  Result<Child> Launch(const std::string& object) {
    OSE_ASSIGN(Child child, Child::Start(o_, shim_.maps(), object));
    shim_.page().next_pid = static_cast<unsigned>(child.pid());
    return child;
  }

  Status IsReady(Child& child, const std::optional<std::string>& word) {
    if (word && word->starts_with("failed ")) return Error{kExitPolicyCrash, child.object() + ": " + word->substr(7)};
    if (!word || *word != "ready") return Error{kExitPolicyCrash, child.object() + ": the agent did not start: it " + child.Reason()};
    return {};
  }

  Result<Child> Prepare(const std::string& object) {
    OSE_ASSIGN(Child child, Launch(object));
    auto word = child.Hear(kHaste);
    shim_.page().next_pid = 0;
    if (!word) word = child.Hear(kStartLimit);
    OSE_TRY(IsReady(child, word));
    return child;
  }

  Status PrepareNext() {
    if (o_.objects.size() < 2 || (o_.max_swaps > 0 && result.swaps >= o_.max_swaps)) return {};
    next_index_ = (objects_index_ + 1) % o_.objects.size();
    OSE_ASSIGN(Child child, Launch(o_.objects[next_index_]));
    next_ = std::move(child);
    next_ready_ = false;
    next_since_ = MonotonicNow();
    return {};
  }

  // The successor gets ready while its predecessor rules.
  Status WatchNext() {
    if (!next_ || next_ready_) return {};
    const Nanos age = MonotonicNow() - next_since_;
    if (age > kHaste) shim_.page().next_pid = 0;
    const auto word = next_->Hear(Nanos{});
    if (!word && !next_->gone() && age < kStartLimit) return {};
    OSE_TRY(IsReady(*next_, word));
    next_ready_ = true;
    return {};
  }

  Status Enthrone(Child child, Nanos from) {
    shim_.page().agent_pid = static_cast<unsigned>(child.pid());
    shim_.page().fallback = 0;
    const std::optional<Child> predecessor = std::move(child_);  // its memory takes a while to go: not meanwhile
    child_.emplace(std::move(child));
    since_ = MonotonicNow();
    child_->Tell('g');
    const auto word = child_->Hear(kWordLimit);
    if (!word || *word != "took") return Fail(word || child_->closed() ? "" : "did not take over");
    rule_.object = child_->object();
    since_ = MonotonicNow();
    if (from.v > 0) rule_.hand_over = Nanos{static_cast<int64_t>(shim_.control().took_over_at)} - from;
    return {};
  }

  void Close(const std::string& end, bool failed) {
    const agent_control& c = shim_.control();
    rule_.object = child_->object();
    rule_.end = end;
    rule_.failed = failed;
    rule_.time = MonotonicNow() - since_;
    rule_.handled = c.handled;
    rule_.deferred = c.deferred;
    rule_.resyncs = c.resyncs;
    rule_.unplaced = c.unplaced;
    rule_.counters.assign(std::begin(c.counters), std::end(c.counters));
    std::copy(std::begin(c.upward), std::end(c.upward), upward_.begin());
    result.rules.push_back(std::exchange(rule_, {}));
  }

  // The agent is no good: the shim schedules at once, and the predecessor comes back for good.
  Status Fail(const std::string& why) {
    const Nanos noticed = MonotonicNow();
    shim_.page().agent_pid = 0;
    shim_.page().fallback = 1;
    if (!why.empty()) child_->Kill();
    const std::string reason = child_->Reason();
    Close(why.empty() ? reason : why, true);
    child_.reset();
    next_.reset();
    failed_ = true;
    if (good_) {
      const size_t back = *std::exchange(good_, std::nullopt);
      auto child = Prepare(o_.objects[back]);
      if (child.ok()) {
        objects_index_ = back;
        return Enthrone(std::move(*child), noticed);
      }
    }
    result.detached = true;
    result.always_enabled = false;
    shim_.Detach();
    return {};
  }

 public:
  bool MaySwap() const { return rules() && next_ && next_ready_; }
  // What to wait for beside.
  int next_out() const { return next_ && !next_ready_ ? next_->out() : -1; }

 private:
  const AgentSessionOptions& o_;
  Shim shim_;
  std::optional<Child> child_, next_;
  AgentRule rule_;
  std::vector<unsigned> upward_;
  Nanos since_{};
  size_t objects_index_ = 0, next_index_ = 0;
  std::optional<size_t> good_;  // ruled before and did not fail
  bool next_ready_ = false;
  bool failed_ = false;  // then what is known to be good stays
  Nanos next_since_{};
};

}  // namespace

Result<AgentSessionResult> RunAgentSession(const AgentSessionOptions& options) {
  OSE_ASSIGN(Fd signals, CatchEndSignals());
  ShimOptions shim_options{options.shim, options.patience, options.timeout_ms, options.partial};
  OSE_ASSIGN(Shim shim, Shim::Start(shim_options));
  Session session(options, std::move(shim));
  OSE_TRY(session.Start());
  std::optional<Subprocess> command;
  if (!options.command.empty()) {
    SubprocessOptions run;
    run.argv = options.command;
    run.in_child = BecomeExt(options.partial);
    OSE_ASSIGN(Subprocess started, Subprocess::Start(run));
    command = std::move(started);
    command->CloseIn();
  }
  Nanos next_swap = MonotonicNow() + options.swap_every;
  for (;;) {
    // What the command writes is passed on; at its end, and at an agent's, we see it here first.
    pollfd watched[4] = {{signals.get(), POLLIN, 0}, {command ? command->out() : -1, POLLIN, 0}, {session.out(), POLLIN, 0}, {session.next_out(), POLLIN, 0}};
    Nanos wait = kWatch;
    if (session.MaySwap()) wait = std::clamp(next_swap - MonotonicNow(), Nanos{0}, kWatch);
    poll(watched, 4, static_cast<int>((wait.v + 999'999) / 1'000'000));
    if (watched[0].revents) break;
    // A process that has closed its output is about to end, but it needs the CPU for it.
    for (const pollfd& w : watched)
      if (w.fd >= 0 && (w.revents & POLLHUP)) usleep(1000);
    if (command) {
      char buffer[65536];
      for (ssize_t n; (n = read(command->out(), buffer, sizeof buffer)) > 0;)
        if (write(STDOUT_FILENO, buffer, static_cast<size_t>(n)) != n) break;
      if (auto end = command->Wait(Nanos{})) {
        session.result.exit_code = end->exit_code >= 0 ? end->exit_code : 128 + end->signal;
        break;
      }
    }
    if (session.rules()) OSE_TRY(session.Watch());
    if (!command && (!session.rules() || (options.max_swaps > 0 && session.result.swaps >= options.max_swaps))) break;
    if (session.MaySwap() && MonotonicNow() >= next_swap) {
      OSE_TRY(session.Swap());
      next_swap = MonotonicNow() + options.swap_every;
    }
  }
  session.End();
  return std::move(session.result);
}

double HistogramQuantile(const unsigned* counts, double share) {
  uint64_t total = 0, seen = 0;
  for (int i = 0; i < AGENT_BUCKETS; ++i) total += counts[i];
  for (int i = 0; i < AGENT_BUCKETS && total > 0; ++i) {
    seen += counts[i];
    if (static_cast<double>(seen) < share * static_cast<double>(total) || seen == 0) continue;
    if (i < 8) return i / 1e3;
    const uint64_t low = (8ULL + static_cast<uint64_t>(i) % 8) << (i / 8 - 1);  // the inverse of agent_bucket()
    return (static_cast<double>(low) + static_cast<double>(1ULL << (i / 8 - 1)) / 2) / 1e3;
  }
  return 0;
}

}  // namespace ose
