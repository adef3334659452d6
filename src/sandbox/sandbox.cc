#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <new>

#include "base/fd.h"
#include "sandbox/landlock.h"
#include "sandbox/mount_root.h"
#include "sandbox/privileges.h"
#include "sandbox/seccomp_filter.h"

namespace ose {
namespace {

constexpr uid_t kNobody = 65534;

// The sandbox belongs to the process, so its state does too. Written by EnterLoading before any
// generated code is there; if that code overwrites it, the process stays what EnterLoading made
// of it.
struct {
  SeccompProgram running_filter;
  bool has_capability = false;
  uintptr_t stack_end = 0;  // the lowest address that the stack may have
} state;

Error Failed(const char* what, int error) {
  return {kSandboxUnavailable, std::string("cannot lock the worker: ") + what + ": " + strerror(error) +
                                   "; 'osevolve doctor' tells what this kernel lacks"};
}

[[noreturn]] void OutOfMemory() { _exit(kExitOutOfMemory); }

// Runs on its own stack. SA_RESETHAND: returning repeats the fault with the default action, so
// that anything but the end of the stack still dies of SIGSEGV. ASan would look for the stack in a file.
__attribute__((no_sanitize("address"))) void OnSegv(int, siginfo_t* info, void* context) {
  const auto* uc = static_cast<const ucontext_t*>(context);
#if defined(__x86_64__)
  const auto sp = static_cast<uintptr_t>(uc->uc_mcontext.gregs[REG_RSP]);
#elif defined(__aarch64__)
  const auto sp = static_cast<uintptr_t>(uc->uc_mcontext.sp);
#endif
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  // Deep: the stack pointer is at its end, or a large frame was touched beyond it.
  constexpr uintptr_t kNear = 64 << 10, kFrame = 64 << 20;
  const bool deep = sp < state.stack_end + kNear && sp + kFrame > state.stack_end;
  const bool beyond = address < state.stack_end + kNear && address + kFrame > state.stack_end;
  if (deep && beyond) _exit(kExitOutOfStack);
}

// Default signals, and the two handlers by which a lack of memory or stack gets its name.
void ResetSignals() {
  for (int s = 1; s < NSIG; ++s) signal(s, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  std::set_new_handler(OutOfMemory);
  alignas(16) static char stack[64 << 10];
  stack_t alternate{};
  alternate.ss_sp = stack;
  alternate.ss_size = sizeof stack;
  sigaltstack(&alternate, nullptr);
  struct sigaction action{};
  action.sa_sigaction = OnSegv;
  action.sa_flags = static_cast<int>(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND);
  sigaction(SIGSEGV, &action, nullptr);
}

Status CloseAllBut(std::vector<int> keep) {
  {
    Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!null) return Failed("opening /dev/null", errno);
    for (int fd = 0; fd < 3; ++fd)
      if (std::find(keep.begin(), keep.end(), fd) == keep.end() && fd != null.get()) dup2(null.get(), fd);
    if (null.get() < 3) null.release();  // it was the missing one
  }
  keep.insert(keep.end(), {0, 1, 2});
  std::sort(keep.begin(), keep.end());
  unsigned first = 0;
  for (int fd : keep) {
    const auto number = static_cast<unsigned>(fd);
    if (number > first && syscall(SYS_close_range, first, number - 1, 0) != 0)
      return Failed("closing descriptors", errno);
    first = number + 1;
  }
  if (syscall(SYS_close_range, first, ~0u, 0) != 0) return Failed("closing descriptors", errno);
  return {};
}

Status LimitFiles(const SandboxOptions& o) {
  if (o.without_landlock || LandlockAbi() == 0) return EnterMountRoot(o.readable);
  std::vector<LandlockRule> rules;
  for (const std::string& path : o.readable) rules.push_back({path, landlock::kReadFile});
  OSE_ASSIGN(Fd set, BuildLandlock(rules));
  if (int e = EnforceLandlock(set.get())) return Failed("Landlock", e);
  return {};
}

// Nobody, with no capabilities; one exception: files that only root may read (a cache below
// its home folder) still have to be loaded, which LimitFiles has narrowed to the listed ones.
Status DropPrivileges(const std::vector<std::string>& readable) {
  DropBoundingSet(kNoCapabilities);
  prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
  const bool switched = setgroups(0, nullptr) == 0 && setresgid(kNobody, kNobody, kNobody) == 0 &&
                        setresuid(kNobody, kNobody, kNobody) == 0;
  prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
  bool unreadable = false;
  for (const std::string& path : readable) unreadable |= access(path.c_str(), R_OK) != 0 && errno == EACCES;
  const uint64_t keep = switched && unreadable ? kReadAnyFile : kNoCapabilities;
  if (int e = KeepCapabilities(keep)) return Failed("dropping capabilities", e);
  state.has_capability = Capabilities() != 0;
  return {};
}

Status Limit(__rlimit_resource_t resource, uint64_t soft, uint64_t hard) {
  rlimit now{};
  getrlimit(resource, &now);
  rlimit want{std::min<rlim_t>(soft, now.rlim_max), std::min<rlim_t>(hard, now.rlim_max)};
  if (setrlimit(resource, &want) != 0) return Failed("setting limits", errno);
  return {};
}

Status ApplyLimits(const SandboxLimits& l, uint64_t mapped) {
  OSE_TRY(Limit(RLIMIT_STACK, l.stack_bytes, l.stack_bytes));
  rlimit stack{};
  getrlimit(RLIMIT_STACK, &stack);
  // The kernel puts the program's name at the very top of the stack, a word below the end.
  const char* name = reinterpret_cast<const char*>(getauxval(AT_EXECFN));  // NOLINT(performance-no-int-to-ptr): the kernel's address
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  if (name) state.stack_end = (reinterpret_cast<uintptr_t>(name + strlen(name)) | (page - 1)) + 1 - stack.rlim_cur;

  OSE_TRY(Limit(RLIMIT_AS, mapped + l.memory_bytes + l.stack_bytes, mapped + l.memory_bytes + l.stack_bytes));
  OSE_TRY(Limit(RLIMIT_FSIZE, l.file_bytes, l.file_bytes));
  OSE_TRY(Limit(RLIMIT_NOFILE, l.open_files, l.open_files));
  OSE_TRY(Limit(RLIMIT_NPROC, 0, 0));
  OSE_TRY(Limit(RLIMIT_CORE, 0, 0));

  // The timer runs on what the process really ran, but its signal can be blocked. RLIMIT_CPU ends
  // in SIGKILL, but counts whole ticks, which on a busy or stolen CPU come early: hence the
  // distance between the two.
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGPROF;
  timer_t timer;
  if (timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &timer) != 0) return Failed("making a timer", errno);
  itimerspec at{{0, 0}, {l.cpu.v / 1'000'000'000, std::max<long>(l.cpu.v % 1'000'000'000, 1)}};
  if (timer_settime(timer, TIMER_ABSTIME, &at, nullptr) != 0) return Failed("setting a timer", errno);
  const uint64_t seconds = static_cast<uint64_t>((l.cpu.v + 999'999'999) / 1'000'000'000);
  OSE_TRY(Limit(RLIMIT_CPU, 2 * seconds, 2 * seconds + 1));
  return {};
}

}  // namespace

// /proc/self/statm: the first number, in pages.
uint64_t MappedBytes() {
  char text[64] = {};
  Fd fd(open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
  if (!fd || read(fd.get(), text, sizeof text - 1) <= 0) return 0;
  return strtoull(text, nullptr, 10) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

Status EnterLoading(const SandboxOptions& o) {
  const pid_t parent = getppid();
  ResetSignals();
  std::vector<int> keep = o.read_fds;
  keep.insert(keep.end(), o.write_fds.begin(), o.write_fds.end());
  OSE_TRY(CloseAllBut(std::move(keep)));
  const uint64_t mapped = MappedBytes();  // while /proc is there
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Failed("no_new_privs", errno);
  OSE_TRY(LimitFiles(o));
  OSE_TRY(DropPrivileges(o.readable));
  // After the change of user, which disarms the first and resets the second.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);

  std::vector<int> write_fds = o.write_fds;
  write_fds.push_back(2);
  OSE_ASSIGN(SeccompProgram loading, LoadingFilter(write_fds, getpid(), state.has_capability));
  OSE_ASSIGN(state.running_filter, RunningFilter(o.read_fds, write_fds, getpid()));
  OSE_TRY(ApplyLimits(o.limits, mapped));
  if (int e = InstallFilter(loading)) return Failed("seccomp", e);
  return {};
}

Status EnterRunning() {
  if (state.has_capability) {
    if (int e = ClearCapabilities()) return Failed("dropping capabilities", e);
  }
  if (state.running_filter.empty()) return Failed("EnterLoading comes first", EINVAL);
  if (int e = InstallFilter(state.running_filter)) return Failed("seccomp", e);
  return {};
}

SandboxSupport ProbeSandbox() {
  SandboxSupport s;
  s.seccomp = SeccompAvailable();
  s.landlock_abi = LandlockAbi();
  constexpr uint64_t kSetuid = uint64_t{1} << 7;
  s.privileged = (Capabilities() & kSetuid) != 0;
  if (pid_t pid = fork(); pid == 0) {
    _exit(EnterMountRoot({}).ok() ? 0 : 1);
  } else if (pid > 0) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    s.mount_namespace = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  s.text = s.seccomp ? "seccomp, " : "no seccomp (needs Linux 4.14 with CONFIG_SECCOMP_FILTER), ";
  if (s.landlock_abi > 0)
    s.text += "Landlock ABI " + std::to_string(s.landlock_abi);
  else if (s.mount_namespace)
    s.text += "mount namespace (no Landlock: boot with lsm=landlock,... to let the compiler be confined, too)";
  else
    s.text += "no Landlock and no user namespaces: boot with lsm=landlock,... or set "
              "kernel.unprivileged_userns_clone=1";
  return s;
}

}  // namespace ose
