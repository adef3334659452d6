#include "sandbox/compiler_sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "sandbox/describe_exit.h"
#include "sandbox/landlock.h"
#include "sandbox/sandbox.h"

namespace ose {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr uid_t kNobody = 65534;

// As whoever runs the test and, if that is root, also as an ordinary user: the hook first
// becomes that user and then enters the sandbox.
class CompilerSandboxTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam() && geteuid() != 0) GTEST_SKIP() << "is an ordinary user already";
    if (LandlockAbi() == 0) GTEST_SKIP() << "no Landlock";
    if (GetParam()) {
      ASSERT_EQ(chown(dir_.path().c_str(), kNobody, kNobody), 0);
    }
  }

  CommandOptions Command(std::vector<std::string> argv, CompilerLimits limits = {}) {
    CommandOptions o;
    o.argv = std::move(argv);
    o.env = {{"PATH=/usr/bin:/bin", "TMPDIR=" + dir_.path()}};
    o.cwd = dir_.path();
    o.wall_limit = Nanos::Seconds(60);
    auto hook = CompilerSandbox({.readable = {readable_.path()}, .writable_dir = dir_.path(), .limits = limits});
    EXPECT_TRUE(hook.ok()) << hook.error().message;
    o.in_child = [hook = *hook, ordinary = GetParam()] {
      if (ordinary && (setgroups(0, nullptr) != 0 || setresgid(kNobody, kNobody, kNobody) != 0 ||
                       setresuid(kNobody, kNobody, kNobody) != 0))
        return errno;
      return hook();
    };
    return o;
  }
  CommandResult Execute(const CommandOptions& o) {
    auto r = RunCommand(o);
    EXPECT_TRUE(r.ok()) << r.error().message;
    return r.ok() ? std::move(r).value() : CommandResult{};
  }
  CommandResult Compile(const std::string& source, CompilerLimits limits = {}) {
    CommandOptions o = Command({"clang++-19", "-std=c++20", "-O2", "-fPIC", "-c", "-x", "c++", "-", "-o", "a.o"}, limits);
    o.stdin_data = source;
    return Execute(o);
  }

  TempDir dir_ = std::move(TempDir::Make("compiler_test")).value();
  TempDir readable_ = [] {
    TempDir d = std::move(TempDir::Make("compiler_test")).value();
    chmod(d.path().c_str(), 0755);
    return d;
  }();
};

INSTANTIATE_TEST_SUITE_P(All, CompilerSandboxTest, ::testing::Values(false, true),
                         [](const auto& info) { return info.param ? "OrdinaryUser" : "Self"; });

TEST_P(CompilerSandboxTest, CompilesAndLinks) {
  ASSERT_TRUE(WriteFileAtomic(readable_.path() + "/api.h", "inline int Api() { return 1; }\n").ok());
  CommandResult r = Compile("#include <vector>\n#include \"" + readable_.path() + "/api.h\"\nint f() { return Api(); }\n");
  EXPECT_TRUE(r.exit.ok()) << r.err;
  r = Execute(Command({"ld", "-shared", "-o", "a.so", "a.o"}));
  EXPECT_TRUE(r.exit.ok()) << r.err;
  r = Execute(Command({"clang++-19", "-shared", "-o", "b.so", "a.o"}));  // starts ld as a child
  EXPECT_TRUE(r.exit.ok()) << r.err;
  EXPECT_TRUE(FileExists(dir_.path() + "/b.so"));
}

TEST_P(CompilerSandboxTest, ReadsNothingElse) {
  auto secret = TempDir::Make("compiler_test");
  ASSERT_TRUE(secret.ok());
  chmod(secret->path().c_str(), 0755);
  ASSERT_TRUE(WriteFileAtomic(secret->path() + "/key", "canary").ok());
  for (std::string source :
       {"#include \"" + secret->path() + "/key\"\n", std::string("#include \"/etc/passwd\"\n"),
        std::string("#include \"/proc/self/environ\"\n"), std::string("#include \"/dev/zero\"\n"),
        "asm(\".incbin \\\"" + secret->path() + "/key\\\"\");\n",
        "char a[] = {\n#embed \"" + secret->path() + "/key\"\n};\n"}) {
    CommandResult r = Compile(source);
    EXPECT_EQ(r.exit.exit_code, 1) << source;
    EXPECT_THAT(r.err, Not(HasSubstr("canary")));
    EXPECT_THAT(r.err, Not(HasSubstr("root:"))) << source;
    EXPECT_THAT(r.err, ::testing::AnyOf(HasSubstr("ermission denied"), HasSubstr("not found"), HasSubstr("cannot open"),
                                        HasSubstr("Could not find")))
        << source;
  }
}

TEST_P(CompilerSandboxTest, WritesOnlyItsFolder) {
  for (const std::string& target : {std::string("/tmp/osevolve-escaped.o"), readable_.path() + "/escaped.o"}) {
    chmod(readable_.path().c_str(), 0777);
    CommandResult r = Execute(Command({"sh", "-c", "echo x > " + target}));
    EXPECT_FALSE(r.exit.ok());
    EXPECT_THAT(r.err, HasSubstr("ermission denied"));
    EXPECT_FALSE(FileExists(target));
  }
  EXPECT_TRUE(Execute(Command({"sh", "-c", "echo x > inside && mv inside moved && rm moved && echo > /dev/null"})).exit.ok());
}

TEST_P(CompilerSandboxTest, NoNetworkAndNoPrivileges) {
  CommandOptions o = Command({"true"});
  o.in_child = [confine = o.in_child] {
    if (int e = confine()) return e;
    for (int family : {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK})
      if (socket(family, SOCK_STREAM, 0) >= 0 || errno != EPERM) return EPROTO;
    return 0;
  };
  EXPECT_TRUE(Execute(o).exit.ok());
  // The test's own look at /proc: the sandbox would not let the child read it.
  CommandOptions sleeper = Command({"sleep", "1000"});
  auto child = Subprocess::Start({.argv = sleeper.argv, .env = sleeper.env, .cwd = sleeper.cwd,
                                  .stderr_to = ChildOutput::kInherit, .limits = {}, .in_child = sleeper.in_child});
  ASSERT_TRUE(child.ok());
  CommandOptions look;
  look.argv = {"grep", "-E", "^(CapEff|NoNewPrivs|Seccomp):", "/proc/" + std::to_string(child->pid()) + "/status"};
  const bool root = geteuid() == 0 && !GetParam();
  EXPECT_EQ(Execute(look).out, std::string("CapEff:\t000000000000000") + (root ? "4" : "0") +
                                   "\nNoNewPrivs:\t1\nSeccomp:\t2\n");
}

// 2^depth instantiations.
std::string TemplateBomb(int depth) {
  return "template <unsigned N, unsigned M> struct A {\n"
         "  static constexpr unsigned v = A<N - 1, 2 * M>::v + A<N - 1, 2 * M + 1>::v;\n"
         "};\n"
         "template <unsigned M> struct A<0, M> { static constexpr unsigned v = M; };\n"
         "unsigned f() { return A<" +
         std::to_string(depth) + ", 0>::v; }\n";
}

TEST_P(CompilerSandboxTest, CompilerBombsEndForTheRightReason) {
  CompilerLimits limits;
  limits.cpu_seconds = 1;
  CommandResult slow = Compile(TemplateBomb(30), limits);
  EXPECT_EQ(DescribeExit(slow.exit.wait_status, slow.exit.cpu, Nanos::Seconds(1)).kind, ExitKind::kCpu) << slow.err;
  EXPECT_FALSE(slow.timed_out);
  limits = {};
  limits.memory_bytes = 300 << 20;
  CommandResult large = Compile(TemplateBomb(18), limits);
  EXPECT_FALSE(large.exit.ok());
  EXPECT_THAT(large.err, ::testing::AnyOf(HasSubstr("out of memory"), HasSubstr("bad_alloc")));
  limits = {};
  limits.file_bytes = 1 << 20;
  CommandResult output = Compile("char a[1 << 24] = {1};\n", limits);
  EXPECT_EQ(output.exit.signal, SIGXFSZ) << output.err;
  EXPECT_FALSE(FileExists(dir_.path() + "/a.o"));
}

TEST_P(CompilerSandboxTest, MissingPathIsNamed) {
  auto hook = CompilerSandbox({.readable = {"/no/such/path"}, .writable_dir = "", .limits = {}});
  ASSERT_FALSE(hook.ok());
  EXPECT_EQ(hook.error().code, kSandboxUnavailable);
  EXPECT_THAT(hook.error().message, HasSubstr("/no/such/path"));
}

// A note, not a limit: what confining adds to starting a program.
TEST_P(CompilerSandboxTest, Cost) {
  auto median = [](auto&& f) {
    std::vector<double> us;
    for (int i = 0; i < 41; ++i) {
      Nanos start = MonotonicNow();
      f();
      us.push_back((MonotonicNow() - start).us());
    }
    std::nth_element(us.begin(), us.begin() + 20, us.end());
    return us[20];
  };
  CommandOptions confined = Command({"/bin/true"});
  CommandOptions plain = confined;
  plain.in_child = nullptr;
  printf("build %.0f us; run plain %.0f us, confined %.0f us\n", median([&] { (void)Command({"true"}); }),
         median([&] { Execute(plain); }), median([&] { Execute(confined); }));
}

}  // namespace
}  // namespace ose
