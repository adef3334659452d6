#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace ose {
namespace {

constexpr int kIoError = 74;

// What the child reports when it cannot become the program.
struct ChildFailure {
  enum Step : int { kFolder, kLimits, kHook, kExec } step;
  int error;
};

int ApplyLimit(int resource, const std::optional<uint64_t>& value, uint64_t grace = 0) {
  if (!value) return 0;
  rlimit now{};
  if (getrlimit(static_cast<__rlimit_resource_t>(resource), &now) != 0) return errno;
  // Only root may raise a hard limit, and nobody needs to: less is what was asked for.
  rlimit want{std::min<rlim_t>(*value, now.rlim_max), std::min<rlim_t>(*value + grace, now.rlim_max)};
  return setrlimit(static_cast<__rlimit_resource_t>(resource), &want) == 0 ? 0 : errno;
}

int ApplyLimits(const ChildLimits& l) {
  // Grace: SIGXCPU at the soft limit tells more than the SIGKILL of the hard one.
  if (int e = ApplyLimit(RLIMIT_CPU, l.cpu_seconds, 1)) return e;
  if (int e = ApplyLimit(RLIMIT_AS, l.address_space_bytes)) return e;
  if (int e = ApplyLimit(RLIMIT_STACK, l.stack_bytes)) return e;
  if (int e = ApplyLimit(RLIMIT_FSIZE, l.file_bytes)) return e;
  if (int e = ApplyLimit(RLIMIT_NOFILE, l.open_files)) return e;
  if (int e = ApplyLimit(RLIMIT_NPROC, l.processes)) return e;
  return ApplyLimit(RLIMIT_CORE, l.core_bytes);
}

// The child's life between fork and exec: async-signal-safe calls only.
[[noreturn]] void BecomeProgram(const SpawnRequest& r, const char* path, char** argv, char** envp, pid_t parent,
                                int report_fd) {
  auto fail = [&](ChildFailure::Step step, int error) {
    ChildFailure f{step, error};
    if (write(report_fd, &f, sizeof f) < 0) _exit(126);  // the parent is gone
    _exit(127);
  };
  setpgid(0, 0);
  for (int s = 1; s < NSIG; ++s) {
    // Ignoring a signal discards it: a Ctrl-C that reached this child while it was still in its parent's
    // group is the parent's to act on, and must not look like the child's own failure.
    signal(s, SIG_IGN);
    signal(s, SIG_DFL);  // ignored ones would stay so across exec
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(126);  // it died before the line above
  for (int i = 0; i < 3; ++i)
    if (r.stdio[i] != i) dup2(r.stdio[i], i);
  // Close-on-exec for whatever other code of this program opened without it. Where the kernel
  // is too old for the call, our own descriptors have the flag anyway.
  syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */);
  if (!r.cwd->empty() && chdir(r.cwd->c_str()) != 0) fail(ChildFailure::kFolder, errno);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (int e = ApplyLimits(*r.limits)) fail(ChildFailure::kLimits, e);
  if (*r.hook)
    if (int e = (*r.hook)()) fail(ChildFailure::kHook, e);
  execve(path, argv, envp);
  fail(ChildFailure::kExec, errno);
  _exit(127);
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (const std::string& s : strings) out.push_back(const_cast<char*>(s.c_str()));
  out.push_back(nullptr);
  return out;
}

Error StartError(const ChildFailure& f, const SpawnRequest& r) {
  const std::string& name = r.argv->front();
  const char* why = strerror(f.error);
  switch (f.step) {
    case ChildFailure::kFolder: return {kIoError, "cannot run " + name + " in " + *r.cwd + ": " + why};
    case ChildFailure::kLimits: return {kIoError, "cannot limit " + name + ": " + why};
    case ChildFailure::kHook: return {kIoError, "cannot confine " + name + ": " + why};
    case ChildFailure::kExec: break;
  }
  return {kIoError, "cannot run " + name + ": " + why};
}

// Descriptors below 3 are about to be overwritten in the child.
Fd RaiseAbove2(int fd) {
  if (fd < 0 || fd >= 3) return Fd(fd);
  Fd low(fd);
  return Fd(fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

}  // namespace

Result<PipeEnds> MakePipe() {
  int p[2];
  if (pipe2(p, O_CLOEXEC) != 0)
    return Error{kIoError, std::string("cannot make a pipe: ") + strerror(errno)};
  PipeEnds ends{RaiseAbove2(p[0]), RaiseAbove2(p[1])};
  if (!ends.read || !ends.write)
    return Error{kIoError, std::string("cannot make a pipe: ") + strerror(errno)};
  return ends;
}

Result<Fd> OpenDevNull() {
  Fd fd = RaiseAbove2(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!fd) return Error{kIoError, std::string("cannot open /dev/null: ") + strerror(errno)};
  return fd;
}

std::string FindExecutable(const std::string& name) {
  if (name.empty()) return "";
  if (name.find('/') != std::string::npos) return access(name.c_str(), X_OK) == 0 ? name : "";
  const char* env = getenv("PATH");
  std::string path = env ? env : "/usr/local/bin:/usr/bin:/bin";
  for (size_t begin = 0; begin <= path.size();) {
    size_t end = std::min(path.find(':', begin), path.size());
    std::string dir = path.substr(begin, end - begin);
    std::string file = (dir.empty() ? "." : dir) + "/" + name;
    if (access(file.c_str(), X_OK) == 0) return file;
    begin = end + 1;
  }
  return "";
}

Result<Spawned> Spawn(const SpawnRequest& r) {
  if (r.argv->empty()) return Error{kIoError, "cannot run an empty command"};
  // Everything that allocates happens before the fork.
  const std::string path =
      r.argv->front().find('/') == std::string::npos ? FindExecutable(r.argv->front()) : r.argv->front();
  if (path.empty())
    return Error{kIoError, "cannot run " + r.argv->front() + ": there is no such program in PATH"};
  std::vector<char*> argv = Pointers(*r.argv);
  std::vector<char*> env;
  if (*r.env) env = Pointers(**r.env);
  char** envp = *r.env ? env.data() : environ;
  OSE_ASSIGN(PipeEnds report, MakePipe());
  const pid_t parent = getpid();

  // No handler of ours may run in the child while it still shares our handlers.
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  const pid_t pid = fork();
  const int fork_error = errno;
  if (pid == 0) BecomeProgram(r, path.c_str(), argv.data(), envp, parent, report.write.get());
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  if (pid < 0)
    return Error{kIoError, "cannot start " + r.argv->front() + ": " + strerror(fork_error)};

  setpgid(pid, pid);  // as the child does: whoever comes first; too late after exec is harmless
  report.write.reset();
  ChildFailure failure{};
  ssize_t n;
  while ((n = read(report.read.get(), &failure, sizeof failure)) < 0 && errno == EINTR) {
  }
  if (n == sizeof failure) {
    Reap(pid);
    return StartError(failure, r);
  }
  Spawned out{pid, Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)))};
  if (!out.pidfd) {
    const int error = errno;
    KillGroup(pid);
    Reap(pid);
    return Error{kIoError, "cannot watch " + r.argv->front() + ": " + strerror(error)};
  }
  return out;
}

void KillGroup(pid_t leader) {
  kill(-leader, SIGKILL);
  kill(leader, SIGKILL);  // in case that it has left its group
}

ExitStatus Reap(pid_t pid) {
  ExitStatus out;
  rusage usage{};
  int status = 0;
  while (wait4(pid, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  out.wait_status = status;
  if (WIFEXITED(status)) out.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) out.signal = WTERMSIG(status);
  auto nanos = [](timeval t) { return Nanos::Seconds(t.tv_sec) + Nanos::Micros(t.tv_usec); };
  out.cpu = nanos(usage.ru_utime) + nanos(usage.ru_stime);
  out.max_rss_kb = static_cast<uint64_t>(usage.ru_maxrss);
  return out;
}

}  // namespace ose
