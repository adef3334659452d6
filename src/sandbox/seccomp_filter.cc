#include "sandbox/seccomp_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <initializer_list>

#include "base/fd.h"
#include "sandbox/sandbox.h"

namespace ose {
namespace {

constexpr uint64_t kMapType = 0x0f;  // MAP_SHARED, MAP_PRIVATE, ...

// Collects rules and the first failure, so that a filter reads as its list of calls.
class FilterBuilder {
 public:
  explicit FilterBuilder(uint32_t default_action) : ctx_(seccomp_init(default_action)) {
    if (!ctx_) {
      Note(-ENOMEM);
      return;
    }
    // Calls of a foreign ABI (32 bit, x32) would bypass lists of native numbers.
    Note(seccomp_attr_set(ctx_, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
    Note(seccomp_attr_set(ctx_, SCMP_FLTATR_CTL_OPTIMIZE, 2));  // a binary tree, not a chain
  }
  FilterBuilder(const FilterBuilder&) = delete;
  ~FilterBuilder() {
    if (ctx_) seccomp_release(ctx_);
  }

  void On(uint32_t action, int syscall_number, std::initializer_list<scmp_arg_cmp> args = {}) {
    if (!ctx_) return;
    Note(seccomp_rule_add_array(ctx_, action, syscall_number, static_cast<unsigned>(args.size()), args.begin()));
  }
  void Allow(int syscall_number, std::initializer_list<scmp_arg_cmp> args = {}) {
    On(SCMP_ACT_ALLOW, syscall_number, args);
  }
  void AllowAll(std::initializer_list<int> syscall_numbers) {
    for (int number : syscall_numbers) Allow(number);
  }
  void Fail(int error, std::initializer_list<int> syscall_numbers) {
    for (int number : syscall_numbers) On(SCMP_ACT_ERRNO(static_cast<uint32_t>(error)), number);
  }

  Result<SeccompProgram> Finish() {
    Fd file(memfd_create("filter", MFD_CLOEXEC));
    if (!file) return Error{kSandboxUnavailable, std::string("seccomp: no memory for a filter: ") + strerror(errno)};
    if (error_ == 0) Note(seccomp_export_bpf(ctx_, file.get()));
    SeccompProgram program;
    if (error_ == 0) {
      const off_t size = lseek(file.get(), 0, SEEK_END);
      program.resize(static_cast<size_t>(size) / sizeof(sock_filter));
      if (pread(file.get(), program.data(), static_cast<size_t>(size), 0) != size) Note(-EIO);
    }
    if (error_ != 0)
      return Error{kSandboxUnavailable, std::string("seccomp: cannot build a filter: ") + strerror(-error_)};
    return program;
  }

 private:
  void Note(int rc) {
    if (rc < 0 && error_ == 0) error_ = rc;
  }
  scmp_filter_ctx ctx_;
  int error_ = 0;
};

scmp_arg_cmp ArgBits(unsigned index, uint64_t mask, uint64_t value) {
  return {index, SCMP_CMP_MASKED_EQ, mask, value};
}
// An int argument: the kernel ignores the upper half of the register, so the filter must too.
scmp_arg_cmp IntArg(unsigned index, int value) {
  return ArgBits(index, 0xffffffff, static_cast<uint32_t>(value));
}

// What computing needs, before and after loading.
void AllowComputing(FilterBuilder* f, const std::vector<int>& write_fds, int pid) {
  f->AllowAll({SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap),
               SCMP_SYS(madvise), SCMP_SYS(futex), SCMP_SYS(sched_yield), SCMP_SYS(close),
               SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(restart_syscall),
               // malloc's random keys; qsort's question for the size of memory
               SCMP_SYS(getrandom), SCMP_SYS(sysinfo), SCMP_SYS(getpid), SCMP_SYS(gettid),
               // base/frame.h: waiting, and writing without SIGPIPE
               SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask),
               SCMP_SYS(rt_sigpending), SCMP_SYS(rt_sigtimedwait)});
  // Never executable again what is or was writable.
  f->Allow(SCMP_SYS(mprotect), {ArgBits(2, PROT_EXEC, 0)});
  f->Allow(SCMP_SYS(mmap), {ArgBits(2, PROT_EXEC, 0), ArgBits(3, kMapType | MAP_ANONYMOUS, MAP_PRIVATE | MAP_ANONYMOUS)});
  // abort(), and only of itself.
  f->Allow(SCMP_SYS(tgkill), {IntArg(0, pid), IntArg(2, SIGABRT)});
  for (int fd : write_fds) {
    f->Allow(SCMP_SYS(write), {IntArg(0, fd)});
    f->Allow(SCMP_SYS(writev), {IntArg(0, fd)});
  }
#if __has_feature(address_sanitizer)
  // Its runtime asks for the alternate stack before a function that does not return.
  f->Allow(SCMP_SYS(sigaltstack), {ArgBits(0, ~uint64_t{0}, 0)});
#endif
  // stdio asks whether it writes to a terminal.
  f->Fail(ENOTTY, {SCMP_SYS(ioctl)});
}

}  // namespace

Result<SeccompProgram> LoadingFilter(const std::vector<int>& write_fds, int pid, bool may_drop_capabilities) {
  FilterBuilder f(SCMP_ACT_KILL_PROCESS);
  AllowComputing(&f, write_fds, pid);
  // The dynamic loader: files for reading (Landlock says which) and their code, never both
  // writable and executable, never anonymous and executable.
  f.Allow(SCMP_SYS(openat), {ArgBits(2, O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND, O_RDONLY)});
  f.AllowAll({SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(lseek), SCMP_SYS(fstat), SCMP_SYS(newfstatat)});
  f.Allow(SCMP_SYS(mmap), {ArgBits(2, PROT_EXEC, 0), ArgBits(3, kMapType | MAP_ANONYMOUS, MAP_PRIVATE)});
  f.Allow(SCMP_SYS(mmap), {ArgBits(2, PROT_WRITE | PROT_EXEC, PROT_EXEC),
                           ArgBits(3, kMapType | MAP_ANONYMOUS, MAP_PRIVATE)});
  // Probes that may be answered with "no".
  f.Fail(EACCES, {SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink),
                  SCMP_SYS(readlinkat), SCMP_SYS(getcwd), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(statx)});
  // EnterRunning: a further filter can only take away. Flags would let one be made that talks
  // to a listener instead.
  f.Allow(SCMP_SYS(seccomp), {IntArg(0, SECCOMP_SET_MODE_FILTER), IntArg(1, 0)});
  if (may_drop_capabilities) f.Allow(SCMP_SYS(capset));
  return f.Finish();
}

Result<SeccompProgram> RunningFilter(const std::vector<int>& read_fds, const std::vector<int>& write_fds,
                                     int pid) {
  FilterBuilder f(SCMP_ACT_KILL_PROCESS);
  AllowComputing(&f, write_fds, pid);
  for (int fd : read_fds) f.Allow(SCMP_SYS(read), {IntArg(0, fd)});
  return f.Finish();
}

Result<SeccompProgram> CompilerFilter() {
  FilterBuilder f(SCMP_ACT_ALLOW);
  f.Fail(EPERM,
         {// network; io_uring because it makes sockets by itself
          SCMP_SYS(socket), SCMP_SYS(socketpair), SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter),
          SCMP_SYS(io_uring_register),
          // other processes
          SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(kill),
          SCMP_SYS(tkill), SCMP_SYS(rt_sigqueueinfo), SCMP_SYS(rt_tgsigqueueinfo), SCMP_SYS(pidfd_open),
          SCMP_SYS(pidfd_getfd), SCMP_SYS(pidfd_send_signal), SCMP_SYS(kcmp), SCMP_SYS(setsid),
          SCMP_SYS(setpgid), SCMP_SYS(process_madvise), SCMP_SYS(migrate_pages), SCMP_SYS(move_pages),
          // shared memory and queues that outlive their makers
          SCMP_SYS(shmget), SCMP_SYS(shmat), SCMP_SYS(semget), SCMP_SYS(msgget), SCMP_SYS(mq_open),
          SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(keyctl),
          // files by other ways than their names
          SCMP_SYS(open_by_handle_at), SCMP_SYS(name_to_handle_at), SCMP_SYS(fanotify_init), SCMP_SYS(mount),
          SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(open_tree), SCMP_SYS(move_mount),
          SCMP_SYS(fsopen), SCMP_SYS(fspick), SCMP_SYS(mount_setattr), SCMP_SYS(unshare), SCMP_SYS(setns),
          SCMP_SYS(mknod), SCMP_SYS(mknodat),
          // the machine
          SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd), SCMP_SYS(init_module),
          SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load),
          SCMP_SYS(reboot), SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(acct), SCMP_SYS(quotactl),
          SCMP_SYS(settimeofday), SCMP_SYS(clock_settime), SCMP_SYS(adjtimex), SCMP_SYS(clock_adjtime),
          SCMP_SYS(sethostname), SCMP_SYS(setdomainname), SCMP_SYS(syslog), SCMP_SYS(vhangup),
          SCMP_SYS(iopl), SCMP_SYS(ioperm), SCMP_SYS(personality)});
  // New processes yes (the driver starts the linker), new namespaces no. The flags of clone3
  // are out of a filter's sight; libc falls back to clone.
  f.Fail(ENOSYS, {SCMP_SYS(clone3)});
  for (uint64_t flag : {CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS,
                        CLONE_NEWCGROUP})
    f.On(SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), {ArgBits(0, flag, flag)});
  // Typing into the terminal of whoever started us.
  f.On(SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), {ArgBits(1, 0xffffffff, TIOCSTI)});
  f.On(SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), {ArgBits(1, 0xffffffff, TIOCLINUX)});
  return f.Finish();
}

int InstallFilter(const SeccompProgram& program) {
  sock_fprog p{static_cast<unsigned short>(program.size()), const_cast<sock_filter*>(program.data())};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p) == 0 ? 0 : errno;
}

bool SeccompAvailable() {
  uint32_t action = SECCOMP_RET_KILL_PROCESS;
  return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

}  // namespace ose
