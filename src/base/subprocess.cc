#include "base/subprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/sigpipe.h"
#include "base/spawn.h"

namespace ose {
namespace {

constexpr int kIoError = 74;

void SetNonBlocking(const Fd& fd) { fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) | O_NONBLOCK); }

// For poll(): milliseconds until `deadline`, rounded up; -1 = for ever.
int MillisLeft(Nanos deadline) {
  if (deadline == Nanos::Max()) return -1;
  Nanos left = deadline - MonotonicNow();
  if (left.v <= 0) return 0;
  return static_cast<int>(std::min<int64_t>(left.v / 1'000'000 + 1, INT_MAX));
}

Nanos DeadlineIn(Nanos span) {
  Nanos now = MonotonicNow();
  return span > Nanos::Max() - now ? Nanos::Max() : now + span;
}

// One end of what a child's 1 or 2 goes to. `ours` stays empty unless it is captured.
struct OutputEnd {
  Fd ours, theirs;
  int ChildFd(int own) const { return theirs ? theirs.get() : own; }
};

Result<OutputEnd> MakeOutput(ChildOutput to) {
  OutputEnd end;
  if (to == ChildOutput::kDiscard) {
    OSE_ASSIGN(end.theirs, OpenDevNull());
  } else if (to == ChildOutput::kCapture) {
    OSE_ASSIGN(PipeEnds pipe, MakePipe());
    end.ours = std::move(pipe.read);
    end.theirs = std::move(pipe.write);
    SetNonBlocking(end.ours);
  }
  return end;
}

// Takes what is there, keeps the first `max`; closes at the end of the stream. Bounded per
// call, so that a child that writes without end cannot keep us from its deadline.
void Drain(Fd* fd, uint64_t max, std::string* kept, bool* truncated) {
  char buffer[65536];
  ssize_t n = read(fd->get(), buffer, sizeof buffer);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    fd->reset();
    return;
  }
  uint64_t room = max - std::min<uint64_t>(max, kept->size());
  uint64_t take = std::min<uint64_t>(room, static_cast<uint64_t>(n));
  kept->append(buffer, take);
  if (take < static_cast<uint64_t>(n)) *truncated = true;
}

// Writes what fits of `data` from *sent on; closes when all is sent or nobody reads.
void Feed(Fd* fd, const std::string& data, size_t* sent) {
  SigpipeGuard guard;
  ssize_t n = write(fd->get(), data.data() + *sent, data.size() - *sent);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n < 0 && errno == EPIPE) guard.Raised();
  if (n > 0) *sent += static_cast<size_t>(n);
  if (n < 0 || *sent == data.size()) fd->reset();
}

}  // namespace

Result<CommandResult> RunCommand(const CommandOptions& o) {
  const Nanos start = MonotonicNow();
  Fd in_ours, in_theirs;
  if (o.stdin_data.empty()) {
    OSE_ASSIGN(in_theirs, OpenDevNull());
  } else {
    OSE_ASSIGN(PipeEnds pipe, MakePipe());
    in_ours = std::move(pipe.write);
    in_theirs = std::move(pipe.read);
    SetNonBlocking(in_ours);
  }
  OSE_ASSIGN(OutputEnd out, MakeOutput(o.stdout_to));
  OSE_ASSIGN(OutputEnd err, MakeOutput(o.stderr_to));
  OSE_ASSIGN(Spawned child, Spawn({.argv = &o.argv,
                                   .env = &o.env,
                                   .cwd = &o.cwd,
                                   .stdio = {in_theirs.get(), out.ChildFd(1), err.ChildFd(2)},
                                   .limits = &o.limits,
                                   .hook = &o.in_child}));
  in_theirs.reset();
  out.theirs.reset();
  err.theirs.reset();

  CommandResult result;
  size_t sent = 0;
  bool killed = false;
  bool ended = false;
  Nanos deadline = DeadlineIn(o.wall_limit);
  // Until the child has ended; then on until its pipes are empty. What may still hold them is
  // a process that left the group, and that is not waited for.
  while (!ended || out.ours || err.ours) {
    pollfd fds[5] = {{ended ? -1 : child.pidfd.get(), POLLIN, 0},
                     {out.ours.get(), POLLIN, 0},
                     {err.ours.get(), POLLIN, 0},
                     {in_ours.get(), POLLOUT, 0},
                     {killed || ended ? -1 : o.cancel_fd, POLLIN, 0}};  // poll skips negative ones
    int n = poll(fds, 5, MillisLeft(deadline));
    if (n < 0 && errno != EINTR && errno != EAGAIN) {
      Error e{kIoError, "cannot watch " + o.argv.front() + ": " + strerror(errno)};
      KillGroup(child.pid);
      Reap(child.pid);
      return e;
    }
    if (n > 0) {
      if (fds[1].revents) Drain(&out.ours, o.max_stdout_bytes, &result.out, &result.out_truncated);
      if (fds[2].revents) Drain(&err.ours, o.max_stderr_bytes, &result.err, &result.err_truncated);
      if (fds[3].revents) Feed(&in_ours, o.stdin_data, &sent);
      if (fds[0].revents) {
        ended = true;
        KillGroup(child.pid);
        in_ours.reset();
        deadline = DeadlineIn(Nanos::Millis(500));
        continue;
      }
    }
    const bool late = MonotonicNow() >= deadline;
    if (ended && late) break;
    if (!ended && !killed && (late || (n > 0 && fds[4].revents))) {
      (fds[4].revents ? result.cancelled : result.timed_out) = true;
      killed = true;
      KillGroup(child.pid);
      deadline = Nanos::Max();  // SIGKILL cannot be refused
    }
  }
  result.exit = Reap(child.pid);
  result.wall = MonotonicNow() - start;
  return result;
}

Result<Subprocess> Subprocess::Start(const SubprocessOptions& o) {
  OSE_ASSIGN(PipeEnds in, MakePipe());
  OSE_ASSIGN(PipeEnds out, MakePipe());
  OSE_ASSIGN(OutputEnd err, MakeOutput(o.stderr_to));
  // The child must never wait for a reader of its complaints.
  if (o.stderr_to == ChildOutput::kCapture) SetNonBlocking(err.theirs);
  OSE_ASSIGN(Spawned child, Spawn({.argv = &o.argv,
                                   .env = &o.env,
                                   .cwd = &o.cwd,
                                   .stdio = {in.read.get(), out.write.get(), err.ChildFd(2)},
                                   .limits = &o.limits,
                                   .hook = &o.in_child}));
  SetNonBlocking(in.write);
  SetNonBlocking(out.read);
  Subprocess p;
  p.pid_ = child.pid;
  p.pidfd_ = std::move(child.pidfd);
  p.in_ = std::move(in.write);
  p.out_ = std::move(out.read);
  p.err_ = std::move(err.ours);
  return p;
}

Subprocess::Subprocess(Subprocess&& o) noexcept
    : pid_(std::exchange(o.pid_, -1)),
      pidfd_(std::move(o.pidfd_)),
      in_(std::move(o.in_)),
      out_(std::move(o.out_)),
      err_(std::move(o.err_)),
      exit_(std::exchange(o.exit_, std::nullopt)) {}

Subprocess& Subprocess::operator=(Subprocess&& o) noexcept {
  // `old` takes what this held, and ends it.
  Subprocess old(std::move(*this));
  pid_ = std::exchange(o.pid_, -1);
  pidfd_ = std::move(o.pidfd_);
  in_ = std::move(o.in_);
  out_ = std::move(o.out_);
  err_ = std::move(o.err_);
  exit_ = std::exchange(o.exit_, std::nullopt);
  return *this;
}

Subprocess::~Subprocess() {
  Kill();
  Wait();
}

std::string Subprocess::TakeStderr() {
  std::string text;
  bool truncated = false;
  // The pipe holds 64 KiB; a child that refills it while we read does not keep us.
  for (int i = 0; i < 16 && err_; ++i) {
    size_t before = text.size();
    Drain(&err_, UINT64_MAX, &text, &truncated);
    if (text.size() == before) break;
  }
  return text;
}

void Subprocess::Kill() {
  if (pid_ > 0 && !exit_) KillGroup(pid_);
}

std::optional<ExitStatus> Subprocess::Wait(Nanos timeout) {
  if (pid_ <= 0 || exit_) return exit_;
  const Nanos deadline = DeadlineIn(timeout);
  for (;;) {
    pollfd p{pidfd_.get(), POLLIN, 0};
    int n = poll(&p, 1, MillisLeft(deadline));
    if (n > 0) break;
    if (n == 0 && MonotonicNow() >= deadline) return std::nullopt;
  }
  KillGroup(pid_);
  exit_ = Reap(pid_);
  return exit_;
}

}  // namespace ose
