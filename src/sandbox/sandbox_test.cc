#include "sandbox/sandbox.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <ostream>

#include "base/fd.h"
#include "base/file.h"
#include "base/frame.h"
#include "base/subprocess.h"

namespace ose {
namespace {

constexpr int kSetupFailed = 99;
constexpr uid_t kNobody = 65534;

// Every attempt runs in all of these: as whoever runs the test and, if that is root, also as an
// ordinary user; with Landlock and with the fallback.
struct Mode {
  const char* name;
  bool ordinary_user;
  bool without_landlock;
};

void PrintTo(const Mode& mode, std::ostream* out) { *out << mode.name; }

struct Attempt {
  SandboxOptions options = {};
  std::function<void()> loading = [] {};  // after EnterLoading
  std::function<void()> running = [] {};  // after EnterRunning
};

void BecomeOrdinaryUser() {
  if (geteuid() != 0) return;
  if (setgroups(0, nullptr) != 0 || setresgid(kNobody, kNobody, kNobody) != 0 ||
      setresuid(kNobody, kNobody, kNobody) != 0)
    _exit(kSetupFailed);
  prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);  // as it is for a process that was an ordinary user's from its exec
}

class SandboxTest : public ::testing::TestWithParam<Mode> {
 protected:
  void SetUp() override {
    static const SandboxSupport support = ProbeSandbox();
    if (GetParam().without_landlock ? !support.mount_namespace : support.landlock_abi == 0)
      GTEST_SKIP() << support.text;
  }

  ExitReason Try(Attempt a) {
    a.options.without_landlock = GetParam().without_landlock;
    pid_t pid = fork();
    if (pid == 0) {
      if (GetParam().ordinary_user) BecomeOrdinaryUser();
      if (Status s = EnterLoading(a.options); !s.ok()) {
        fprintf(stderr, "%s\n", s.error().message.c_str());  // /dev/null; for strace
        _exit(kSetupFailed);
      }
      a.loading();
      if (!EnterRunning().ok()) _exit(kSetupFailed);
      a.running();
      _exit(0);
    }
    int status = 0;
    rusage usage{};
    EXPECT_EQ(wait4(pid, &status, 0, &usage), pid);
    cpu_ = Nanos::Seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           Nanos::Micros(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    EXPECT_FALSE(WIFEXITED(status) && WEXITSTATUS(status) == kSetupFailed) << "could not enter the sandbox";
    return DescribeExit(status, cpu_, a.options.limits.cpu);
  }

  // Both steps must stop it with SIGSYS.
  void ExpectForbidden(const std::function<void()>& attempt) {
    EXPECT_EQ(Try({.loading = attempt}).kind, ExitKind::kSandbox) << "while loading";
    EXPECT_EQ(Try({.running = attempt}).kind, ExitKind::kSandbox) << "while running";
  }
  void ExpectRunning(ExitKind kind, const std::function<void()>& attempt, SandboxOptions options = {}) {
    EXPECT_EQ(Try({.options = options, .running = attempt}).kind, kind);
  }

  Nanos cpu_{};
};

INSTANTIATE_TEST_SUITE_P(All, SandboxTest,
                         ::testing::Values(Mode{"Landlock", false, false}, Mode{"MountRoot", false, true},
                                           Mode{"UserLandlock", true, false},
                                           Mode{"UserMountRoot", true, true}),
                         [](const auto& info) { return info.param.name; });

// A policy-like shared object, compiled once.
class SharedObject {
 public:
  static const SharedObject& Get() {
    static SharedObject object;
    return object;
  }
  std::string path;

 private:
  SharedObject() : dir_(std::move(TempDir::Make("sandbox_test")).value()) {
    path = dir_.path() + "/policy.so";
    CommandOptions o;
    o.argv = {"clang++-19", "-shared", "-fPIC", "-O1", "-x", "c++", "-", "-o", path};
    o.stdin_data = R"(
      #include <algorithm>
      #include <vector>
      extern "C" long Work(long n) {
        std::vector<long> v;
        for (long i = 0; i < n; ++i) v.push_back(n - i);
        std::sort(v.begin(), v.end());
        return v[0] + v[n - 1];
      })";
    auto r = RunCommand(o);
    EXPECT_TRUE(r.ok() && r->exit.ok()) << (r.ok() ? r->err : r.error().message);
    chmod(dir_.path().c_str(), 0755);
  }
  TempDir dir_;
};

struct Loaded {
  static inline long (*work)(long) = nullptr;
};

Attempt PositiveControl(const std::string& path, int result_fd) {
  Attempt a;
  a.options.readable = {path};
  a.options.write_fds = {result_fd};
  a.loading = [path] {
    void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle) _exit(50);
    Loaded::work = reinterpret_cast<long (*)(long)>(dlsym(handle, "Work"));
  };
  a.running = [result_fd] {
    if (!WriteFrame(result_fd, std::to_string(Loaded::work(300'000))).ok()) _exit(51);
  };
  return a;
}

struct ResultPipe {
  ResultPipe() {
    int p[2];
    EXPECT_EQ(pipe2(p, O_CLOEXEC), 0);
    read = Fd(p[0]);
    write = Fd(p[1]);
  }
  std::string Take() {
    write.reset();
    auto frame = ReadFrame(read.get(), 1 << 20, MonotonicNow() + Nanos::Seconds(20));
    return frame.ok() && frame->has_value() ? **frame : "no frame";
  }
  Fd read, write;
};

TEST_P(SandboxTest, LoadsAndComputes) {
  ResultPipe result;
  ExitReason r = Try(PositiveControl(SharedObject::Get().path, result.write.get()));
  EXPECT_EQ(r.kind, ExitKind::kOk) << r.text;
  EXPECT_EQ(result.Take(), "300001");
}

// Root's cache is often below a folder that nobody else may enter.
TEST_P(SandboxTest, RootLoadsFromItsPrivateFolder) {
  if (geteuid() != 0 || GetParam().ordinary_user) GTEST_SKIP() << "for root";
  auto dir = TempDir::Make("sandbox_test");
  ASSERT_TRUE(dir.ok());
  const std::string path = dir->path() + "/private.so";
  ASSERT_TRUE(WriteFileAtomic(path, *ReadFile(SharedObject::Get().path)).ok());
  chmod(path.c_str(), 0600);
  ResultPipe result;
  ExitReason r = Try(PositiveControl(path, result.write.get()));
  EXPECT_EQ(r.kind, ExitKind::kOk) << r.text;
  EXPECT_EQ(result.Take(), "300001");
}

TEST_P(SandboxTest, UnlistedFilesCannotBeOpened) {
  for (const char* path : {"/etc/passwd", "/proc/self/environ", "/proc/self/mem", "/root", "/usr/include/stdio.h",
                           "/dev/null", "/sys/kernel"}) {
    EXPECT_EQ(Try({.loading = [path] { _exit(open(path, O_RDONLY) < 0 ? 0 : 60); }}).kind, ExitKind::kOk) << path;
    ExpectRunning(ExitKind::kSandbox, [path] { open(path, O_RDONLY); });
  }
}

TEST_P(SandboxTest, ListedFilesCannotBeWritten) {
  const std::string path = SharedObject::Get().path;
  for (int flags : {O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC, O_RDONLY | O_CREAT}) {
    Attempt a;
    a.options.readable = {path};
    a.loading = [&] { open(path.c_str(), flags, 0600); };
    EXPECT_EQ(Try(a).kind, ExitKind::kSandbox) << flags;
  }
}

TEST_P(SandboxTest, NewFiles) {
  ExpectForbidden([] { open("/tmp/osevolve-hostile", O_WRONLY | O_CREAT, 0600); });
  ExpectForbidden([] { mkdir("/tmp/osevolve-hostile", 0700); });
  ExpectForbidden([] { unlink("/tmp/osevolve-hostile"); });
  ExpectForbidden([] { syscall(SYS_memfd_create, "x", 0); });
}

TEST_P(SandboxTest, Network) {
  for (int family : {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK, AF_PACKET})
    ExpectForbidden([family] { socket(family, SOCK_STREAM, 0); });
  ExpectForbidden([] { syscall(SYS_io_uring_setup, 1, nullptr); });
}

TEST_P(SandboxTest, NewProcesses) {
  ExpectForbidden([] { fork(); });
  ExpectForbidden([] { vfork(); });
  ExpectForbidden([] { syscall(SYS_clone3, nullptr, 0); });
  ExpectForbidden([] { execl("/bin/true", "true", nullptr); });
  ExpectForbidden([] { setsid(); });
}

TEST_P(SandboxTest, OtherProcesses) {
  const pid_t parent = getpid();
  ExpectForbidden([=] { kill(parent, 0); });
  ExpectForbidden([=] { kill(-1, SIGKILL); });
  ExpectForbidden([=] { syscall(SYS_tgkill, parent, parent, SIGABRT); });
  ExpectForbidden([] { kill(getpid(), SIGUSR1); });
  ExpectForbidden([=] { ptrace(PTRACE_ATTACH, parent, nullptr, nullptr); });
  ExpectForbidden([] { ptrace(PTRACE_TRACEME, 0, nullptr, nullptr); });
  ExpectForbidden([=] { syscall(SYS_process_vm_readv, parent, nullptr, 0, nullptr, 0, 0); });
  ExpectForbidden([=] { syscall(SYS_pidfd_open, parent, 0); });
}

TEST_P(SandboxTest, UndoingTheSandbox) {
  ExpectForbidden([] { prctl(PR_SET_DUMPABLE, 1); });
  ExpectForbidden([] { prctl(PR_SET_PDEATHSIG, 0); });
  ExpectForbidden([] {
    rlimit l{RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_AS, &l);
  });
  ExpectForbidden([] { setuid(0); });
  ExpectForbidden([] { syscall(SYS_setitimer, 0, nullptr, nullptr); });
  ExpectForbidden([] { signal(SIGPROF, SIG_IGN); });
  ExpectForbidden([] { syscall(SYS_unshare, 0); });
  ExpectForbidden([] { chroot("/"); });
  ExpectRunning(ExitKind::kSandbox, [] { syscall(SYS_seccomp, 1, 0, nullptr); });
  // A filter with a listener could answer system calls in the kernel's stead.
  EXPECT_EQ(Try({.loading = [] { syscall(SYS_seccomp, 1, 8 /* NEW_LISTENER */, nullptr); }}).kind,
            ExitKind::kSandbox);
}

// int 0x80 and x32 reach the same kernel functions under other numbers.
#if defined(__x86_64__)
TEST_P(SandboxTest, ForeignSystemCallNumbers) {
  ExpectForbidden([] { syscall(0x40000000 | SYS_getpid); });
  ExpectForbidden([] {
    long r = 20;  // getpid
    asm volatile("int $0x80" : "+a"(r)::"memory");
  });
}
#endif

TEST_P(SandboxTest, ExecutableMemory) {
  ExpectForbidden([] { mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); });
  ExpectForbidden([] { mmap(nullptr, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); });
  ExpectForbidden([] {
    void* p = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(p, 4096, PROT_READ | PROT_EXEC);
  });
  ExpectForbidden([] { mmap(nullptr, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0); });
}

TEST_P(SandboxTest, Descriptors) {
  ResultPipe listed, unlisted;
  Attempt a;
  a.options.write_fds = {listed.write.get()};
  const int fd = unlisted.write.get();
  a.running = [fd] { (void)!write(fd, "x", 1); };
  EXPECT_EQ(Try(a).kind, ExitKind::kSandbox);
  // Not only forbidden, also closed.
  a.running = [] {};
  a.loading = [fd] { _exit(lseek(fd, 0, SEEK_CUR) < 0 && errno == EBADF ? 0 : 61); };
  EXPECT_EQ(Try(a).kind, ExitKind::kOk);
  ExpectRunning(ExitKind::kSandbox, [] { (void)!write(1, "x", 1); });
  ExpectRunning(ExitKind::kSandbox, [] {
    char c;
    (void)!read(0, &c, 1);
  });
  ExpectRunning(ExitKind::kOk, [] { (void)!write(2, "to /dev/null", 12); });
  ExpectForbidden([] { dup2(2, 1); });
}

TEST_P(SandboxTest, ListedDescriptorsWork) {
  ResultPipe in, out;
  ASSERT_TRUE(WriteFrame(in.write.get(), "question").ok());
  Attempt a;
  a.options.read_fds = {in.read.get()};
  a.options.write_fds = {out.write.get()};
  a.running = [&] {
    auto frame = ReadFrame(in.read.get(), 100, MonotonicNow() + Nanos::Seconds(20));
    if (!frame.ok() || !WriteFrame(out.write.get(), **frame + " answered").ok()) _exit(62);
  };
  EXPECT_EQ(Try(a).kind, ExitKind::kOk);
  EXPECT_EQ(out.Take(), "question answered");
}

// Out of the optimiser's sight, which otherwise removes the allocation.
[[gnu::noinline]] void Touch(char* p, size_t size) {
  memset(p, 1, size);
  asm volatile("" ::"r"(p) : "memory");
}

TEST_P(SandboxTest, MemoryHasALimit) {
#if __has_feature(address_sanitizer)
  GTEST_SKIP() << "ASan's allocator reports a lack of memory by itself, in ways that the sandbox forbids";
#endif
  SandboxOptions o;
  o.limits.memory_bytes = 64 << 20;
  ExpectRunning(ExitKind::kMemory, [] {
    for (;;) {
      Touch(new char[1 << 20], 1 << 20);
    }
  }, o);
  // What is granted can be used.
  ExpectRunning(ExitKind::kOk, [] { Touch(new char[32 << 20], 32 << 20); }, o);
  // Mappings that RLIMIT_DATA would not count.
  ExpectRunning(ExitKind::kOk, [] {
    void* p = mmap(nullptr, 128 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0);
    if (p != MAP_FAILED) _exit(63);
  }, o);
}

TEST_P(SandboxTest, CpuTimeHasALimit) {
  SandboxOptions o;
  o.limits.cpu = Nanos::Millis(200);
  ExpectRunning(ExitKind::kCpu, [] {
    for (volatile long i = 0;; i = i + 1) {
    }
  }, o);
  EXPECT_LT(cpu_, Nanos::Millis(400));
}

TEST_P(SandboxTest, BlockedSignalsDoNotBuyCpuTime) {
  if (GetParam().without_landlock) GTEST_SKIP() << "3 s each, and nothing to do with files";
  SandboxOptions o;
  o.limits.cpu = Nanos::Millis(100);
  ExpectRunning(ExitKind::kCpu, [] {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, nullptr);
    for (volatile long i = 0;; i = i + 1) {
    }
  }, o);
  EXPECT_LT(cpu_, Nanos::Seconds(5));
}

[[gnu::noinline]] long Recurse(long n) {
  if (n < 0) return 0;
  volatile char frame[1000];
  frame[n % 1000] = static_cast<char>(n);
  return Recurse(n + 1) + frame[n % 1000];
}

TEST_P(SandboxTest, StackHasALimit) {
  ExpectRunning(ExitKind::kStack, [] { Recurse(0); });
  SandboxOptions o;
  o.limits.stack_bytes = 256 << 10;
  ExpectRunning(ExitKind::kStack, [] { Recurse(0); }, o);
  ExpectRunning(ExitKind::kStack, [] {  // one frame far beyond the end
    volatile char frame[4 << 20];
    for (size_t i = 0; i < sizeof frame; i += 4096) frame[i] = 1;
  }, o);
}

TEST_P(SandboxTest, CrashesAreNotTakenForTheSandbox) {
  ExpectRunning(ExitKind::kCrash, [] { *reinterpret_cast<volatile int*>(8) = 1; });
  ExpectRunning(ExitKind::kCrash, [] { abort(); });
  ExpectRunning(ExitKind::kCrash, [] { __builtin_trap(); });
  EXPECT_EQ(Try({.running = [] { _exit(7); }}).text, "ended with exit code 7");
}

TEST_P(SandboxTest, IdentityIsGivenUp) {
  if (geteuid() != 0) GTEST_SKIP() << "for root";
  ResultPipe result;
  SandboxOptions options;
  options.without_landlock = GetParam().without_landlock;
  options.write_fds = {result.write.get()};
  pid_t pid = fork();
  if (pid == 0) {
    if (GetParam().ordinary_user) BecomeOrdinaryUser();
    if (!EnterLoading(options).ok() || !WriteFrame(result.write.get(), "in").ok()) _exit(kSetupFailed);
    for (;;) poll(nullptr, 0, -1);
  }
  EXPECT_EQ(result.Take(), "in");
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  for (const char* line : {"Uid:\t65534\t65534\t65534\t65534", "Gid:\t65534\t65534\t65534\t65534",
                           "CapInh:\t0000000000000000", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000",
                           "CapAmb:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"})
    EXPECT_NE(text.find(line), std::string::npos) << line << " in\n" << text;
}

TEST_P(SandboxTest, EnterRunningAloneIsRefused) {
  pid_t pid = fork();
  if (pid == 0) _exit(EnterRunning().ok() ? 1 : 0);
  int status = 0;
  waitpid(pid, &status, 0);
  EXPECT_EQ(DescribeExit(status).kind, ExitKind::kOk);
}

TEST(Sandbox, ProbeSaysWhatThereIs) {
  SandboxSupport s = ProbeSandbox();
  EXPECT_TRUE(s.seccomp);
  EXPECT_TRUE(s.ok()) << s.text;
  EXPECT_FALSE(s.text.empty());
}

// The cost of locking one worker, so that nobody has to guess: a note, not a limit.
TEST(Sandbox, Cost) {
  const std::string path = SharedObject::Get().path;
  SandboxOptions options;
  options.readable = {path};
  constexpr int kRounds = 50;
  for (bool locked : {false, true}) {
    Nanos start = MonotonicNow();
    for (int i = 0; i < kRounds; ++i) {
      pid_t pid = fork();
      if (pid == 0) {
        if (locked && !(EnterLoading(options).ok() && EnterRunning().ok())) _exit(1);
        _exit(0);
      }
      int status = 0;
      waitpid(pid, &status, 0);
      ASSERT_EQ(status, 0);
    }
    RecordProperty(locked ? "fork_and_lock_us" : "fork_us",
                   static_cast<int>((MonotonicNow() - start).us() / kRounds));
    printf("%s: %.0f us\n", locked ? "fork, lock and exit" : "fork and exit", (MonotonicNow() - start).us() / kRounds);
  }
}

}  // namespace
}  // namespace ose
