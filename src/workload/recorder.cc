#include "workload/recorder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/fd.h"
#include "core/exit_code.h"
#include "workload/trace_session.h"

namespace ose {
namespace {

constexpr Nanos kGrace = Nanos::Seconds(2);  // for the command to end after a signal

std::string Join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& w : words) out += (out.empty() ? "" : " ") + w;
  return out;
}

// SIGINT, SIGTERM and SIGHUP become readable instead of deadly, so that the tracefs instance is
// always removed.
class SignalWatch {
 public:
  SignalWatch() {
    sigset_t set;
    sigemptyset(&set);
    for (int s : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, s);
    pthread_sigmask(SIG_BLOCK, &set, &old_);
    fd_.reset(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  }
  ~SignalWatch() { pthread_sigmask(SIG_SETMASK, &old_, nullptr); }
  int fd() const { return fd_.get(); }
  const sigset_t& old_mask() const { return old_; }
  std::optional<signalfd_siginfo> Take() {
    signalfd_siginfo info;
    if (read(fd_.get(), &info, sizeof info) != sizeof info) return std::nullopt;
    return info;
  }

 private:
  sigset_t old_;
  Fd fd_;
};

// The command, started but held before its exec.
class Child {
 public:
  Child() = default;
  // After an error: one that never ran its program is killed, one that did is asked to end.
  ~Child() {
    if (pid_ <= 0 || status_ || left_alone_) return;
    kill(pid_, released_ ? SIGTERM : SIGKILL);
    if (!released_) waitpid(pid_, nullptr, 0);
  }
  Status Start(const std::vector<std::string>& argv, const sigset_t& mask);
  // Lets it exec.
  Status Release();
  int pid() const { return pid_; }
  // Collects the exit status if it has ended.
  bool Reap() {
    int status = 0;
    if (!status_ && waitpid(pid_, &status, WNOHANG) == pid_)
      status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return status_.has_value();
  }
  void Signal(int sig) {
    if (!status_) kill(pid_, sig);
  }
  void LeaveAlone() { left_alone_ = true; }
  int status() const { return status_.value_or(-1); }

 private:
  pid_t pid_ = -1;
  std::string name_;
  std::optional<int> status_;
  bool released_ = false, left_alone_ = false;
  Fd go_, failure_;
};

Status Child::Start(const std::vector<std::string>& argv, const sigset_t& mask) {
  name_ = argv[0];
  std::vector<char*> args;
  for (const std::string& a : argv) args.push_back(const_cast<char*>(a.c_str()));
  args.push_back(nullptr);
  int go[2], failure[2];
  if (pipe2(go, O_CLOEXEC) != 0) return Error{kExitIo, std::string("pipe: ") + strerror(errno)};
  Fd go_read(go[0]);
  go_.reset(go[1]);
  if (pipe2(failure, O_CLOEXEC) != 0) return Error{kExitIo, std::string("pipe: ") + strerror(errno)};
  failure_.reset(failure[0]);
  Fd failure_write(failure[1]);
  pid_ = fork();
  if (pid_ < 0) return Error{kExitFailure, std::string("cannot start a process: ") + strerror(errno)};
  if (pid_ == 0) {
    go_.release();
    close(go[1]);  // so that the recorder's death ends the wait
    pthread_sigmask(SIG_SETMASK, &mask, nullptr);
    char c;
    ssize_t n;
    while ((n = read(go[0], &c, 1)) < 0 && errno == EINTR) {
    }
    if (n == 1) {
      execvp(args[0], args.data());
      int err = errno;
      (void)!write(failure[1], &err, sizeof err);
    }
    _exit(127);
  }
  return {};
}

Status Child::Release() {
  if (write(go_.get(), "x", 1) != 1) return Error{kExitFailure, name_ + " ended before it was started"};
  int err = 0;
  ssize_t n;
  while ((n = read(failure_.get(), &err, sizeof err)) < 0 && errno == EINTR) {
  }
  if (n == sizeof err)
    return Error{kExitNotFound, "cannot run " + name_ + ": " + strerror(err) +
                                    (err == ENOENT ? "; check the name, or give its path" : "")};
  released_ = true;
  return {};
}

Result<std::vector<int>> ThreadsOf(int pid) {
  std::vector<int> out;
  if (DIR* dir = opendir(("/proc/" + std::to_string(pid) + "/task").c_str())) {
    while (dirent* entry = readdir(dir))
      if (int tid = atoi(entry->d_name); tid > 0) out.push_back(tid);
    closedir(dir);
  }
  std::sort(out.begin(), out.end());
  if (out.empty())
    return Error{kExitNotFound, "there is no process " + std::to_string(pid) + "; `ps` lists them"};
  return out;
}

std::string CommandLineOf(int pid) {
  std::string out;
  Fd fd(open(("/proc/" + std::to_string(pid) + "/cmdline").c_str(), O_RDONLY | O_CLOEXEC));
  char buffer[4096];
  if (ssize_t n = fd ? read(fd.get(), buffer, sizeof buffer) : 0; n > 0)
    out.assign(buffer, static_cast<size_t>(n));
  while (!out.empty() && out.back() == '\0') out.pop_back();
  std::replace(out.begin(), out.end(), '\0', ' ');
  return out;
}

// Follows all threads of a process. Threads that start meanwhile are children of followed ones or
// are found in the next round.
Result<std::vector<int>> FollowProcess(TraceSession* session, int pid) {
  OSE_ASSIGN(std::vector<int> threads, ThreadsOf(pid));
  for (int round = 0; round < 10; round++) {
    OSE_TRY(session->Follow(threads));
    OSE_ASSIGN(std::vector<int> now, ThreadsOf(pid));
    if (now == threads) break;
    threads = std::move(now);
  }
  return threads;
}

// Waits until the process behind `pidfd` ends, or something else ends the recording.
void Watch(const RecordOptions& options, int pidfd, Child* child, SignalWatch* signals, RecordResult* r) {
  Nanos deadline = options.limit.v > 0 ? MonotonicNow() + options.limit : Nanos::Max();
  bool ending = false;  // the command was told to end; the deadline is now that of the grace time
  for (;;) {
    if (child && child->Reap()) return;
    Nanos now = MonotonicNow();
    if (now >= deadline) {
      if (ending) return;
      r->limit_reached = ending = true;
      if (!child) return;
      child->Signal(SIGTERM);
      deadline = now + kGrace;
    }
    int64_t ms = deadline == Nanos::Max() ? -1 : (deadline - now).v / 1'000'000 + 1;
    pollfd fds[2] = {{signals->fd(), POLLIN, 0}, {pidfd, POLLIN, 0}};
    poll(fds, 2, static_cast<int>(std::min<int64_t>(ms, 1'000'000)));
    if (fds[1].revents && !child) return;
    if (auto info = signals->Take()) {
      bool second = r->interrupted;
      r->interrupted = true;
      if (!child || second) return;
      // Ctrl-C reaches everything in the terminal's foreground, the command included.
      if (info->ssi_code != SI_KERNEL) child->Signal(static_cast<int>(info->ssi_signo));
      ending = true;
      deadline = MonotonicNow() + kGrace;
    }
  }
}

}  // namespace

Result<RecordResult> Record(const RecordOptions& options) {
  if (options.argv.empty() == (options.pid <= 0))
    return Error{kExitUsage, "record needs a command or the id of a running process, and not both"};

  SignalWatch signals;  // first, so that it outlives the session
  TraceSessionOptions session_options{.buffer_kb = options.buffer_kb, .yields = options.yields};
  OSE_ASSIGN(std::unique_ptr<TraceSession> session, TraceSession::Open(session_options));

  RecordResult r;
  TraceModelOptions model_options;
  model_options.yields_traced = session->has_yields();
  model_options.context_switch = options.context_switch;
  model_options.wakeup = options.wakeup;
  model_options.name = options.name;
  cpu_set_t cpus;
  if (sched_getaffinity(options.pid, sizeof cpus, &cpus) == 0) model_options.cpus = CPU_COUNT(&cpus);

  bool launch = !options.argv.empty();
  Child child;
  if (launch) {
    OSE_TRY(child.Start(options.argv, signals.old_mask()));
    model_options.command = Join(options.argv);
    model_options.pids = {child.pid()};
    model_options.start_at_exec_of = child.pid();
    OSE_TRY(session->Follow(model_options.pids));
    OSE_TRY(session->Start());
  } else {
    model_options.command = CommandLineOf(options.pid);
    model_options.start_ns = MonotonicNow().v;
    OSE_ASSIGN(model_options.pids, FollowProcess(session.get(), options.pid));
    OSE_TRY(session->Start());
  }
  int pid = launch ? child.pid() : options.pid;
  Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (launch) {
    OSE_TRY(child.Release());
  }
  Watch(options, pidfd.get(), launch ? &child : nullptr, &signals, &r);
  int64_t end_ns = MonotonicNow().v;
  OSE_TRY(session->Stop());
  if (launch && !child.Reap()) {
    // It takes its time to end, or ignores the signal. It may have data to save: not ours to kill.
    r.notes.push_back("process " + std::to_string(pid) + " is still running");
    child.LeaveAlone();
  }
  r.exit_status = launch ? child.status() : -1;
  r.trace_bytes = session->bytes();

  TraceModel model(model_options);
  int64_t in_gaps = 0;
  OSE_TRY(session->ForEach([&](const SchedEvent& e) {
    r.events++;
    if (e.kind == SchedEvent::Kind::kGap) in_gaps += e.lost;
    model.Add(e);
  }));
  if (r.events == 0)
    return Error{kExitNoTracing,
                 "cannot record: the kernel saw no event of process " + std::to_string(pid) +
                     "; inside a container with its own process ids, record from the host with "
                     "--pid instead"};
  Result<TraceResult> result = model.Finish(end_ns, std::max<int64_t>(0, session->lost_events() - in_gaps));
  if (!result.ok()) return result.error();
  r.workload = std::move(result->workload);
  r.totals = result->totals;
  r.notes.insert(r.notes.end(), result->notes.begin(), result->notes.end());
  return r;
}

}  // namespace ose
