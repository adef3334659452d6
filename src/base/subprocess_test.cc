#include "base/subprocess.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>
#include <thread>

#include "base/file.h"
#include "base/frame.h"

namespace ose {
namespace {

using ::testing::HasSubstr;

CommandOptions Shell(const std::string& script) {
  CommandOptions o;
  o.argv = {"/bin/sh", "-c", script};
  o.wall_limit = Nanos::Seconds(20);
  return o;
}

CommandResult Execute(const CommandOptions& o) {
  auto r = RunCommand(o);
  EXPECT_TRUE(r.ok()) << r.error().message;
  return r.ok() ? std::move(r).value() : CommandResult{};
}

int OpenDescriptors() {
  int n = 0;
  DIR* d = opendir("/proc/self/fd");
  while (readdir(d)) ++n;
  closedir(d);
  return n;
}

// An orphan may stay a zombie for as long as its reaper likes: dead is what counts.
bool DisappearsSoon(pid_t pid) {
  for (Nanos end = MonotonicNow() + Nanos::Seconds(10); MonotonicNow() < end; std::this_thread::yield()) {
    if (kill(pid, 0) != 0 && errno == ESRCH) return true;
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string number, name, state;
    if (!(file >> number >> name >> state) || state == "Z" || state == "X") return true;
  }
  return false;
}

// Every test ends with no child and as many descriptors as it began with.
class SubprocessTest : public ::testing::Test {
 protected:
  void SetUp() override { before_ = OpenDescriptors(); }
  void TearDown() override {
    EXPECT_EQ(OpenDescriptors(), before_);
    EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
  }
  int before_ = 0;
};

TEST_F(SubprocessTest, OutputAndExitCode) {
  CommandResult r = Execute(Shell("echo out; echo err >&2; exit 3"));
  EXPECT_EQ(r.out, "out\n");
  EXPECT_EQ(r.err, "err\n");
  EXPECT_EQ(r.exit.exit_code, 3);
  EXPECT_EQ(r.exit.signal, 0);
  EXPECT_FALSE(r.timed_out);
}

TEST_F(SubprocessTest, ArgumentsAreNotAShell) {
  CommandOptions o;
  o.argv = {"echo", "$HOME; *", "a b"};
  EXPECT_EQ(Execute(o).out, "$HOME; * a b\n");
}

TEST_F(SubprocessTest, Signal) {
  CommandResult r = Execute(Shell("kill -SEGV $$"));
  EXPECT_EQ(r.exit.signal, SIGSEGV);
  EXPECT_EQ(r.exit.exit_code, -1);
}

TEST_F(SubprocessTest, EnvironmentIsWhatIsListed) {
  CommandOptions o;
  o.argv = {"env"};
  o.env = {{"A=1", "B=two words"}};
  EXPECT_EQ(Execute(o).out, "A=1\nB=two words\n");
}

TEST_F(SubprocessTest, Folder) {
  CommandOptions o = Shell("pwd");
  o.cwd = "/usr";
  EXPECT_EQ(Execute(o).out, "/usr\n");
  o.cwd = "/no/such/folder";
  auto r = RunCommand(o);
  ASSERT_FALSE(r.ok());
  EXPECT_THAT(r.error().message, HasSubstr("/no/such/folder"));
}

TEST_F(SubprocessTest, MissingProgramIsNamed) {
  CommandOptions o;
  for (const char* name : {"no-such-program", "/no/such/program"}) {
    o.argv = {name};
    auto r = RunCommand(o);
    ASSERT_FALSE(r.ok());
    EXPECT_THAT(r.error().message, HasSubstr(name));
  }
}

TEST_F(SubprocessTest, LargeInputComesThrough) {
  CommandOptions o;
  o.argv = {"cat"};
  o.stdin_data = std::string(1 << 20, 'x');
  EXPECT_EQ(Execute(o).out, o.stdin_data);
}

TEST_F(SubprocessTest, InputThatNobodyReadsIsNoError) {
  CommandOptions o = Shell("exec <&-; echo done");
  o.stdin_data = std::string(1 << 20, 'x');
  EXPECT_EQ(Execute(o).out, "done\n");
}

TEST_F(SubprocessTest, ExcessOutputIsDrained) {
  CommandOptions o = Shell("head -c 1000000 /dev/zero; echo last >&2");
  o.max_stdout_bytes = 1000;
  CommandResult r = Execute(o);
  EXPECT_EQ(r.out.size(), 1000u);
  EXPECT_TRUE(r.out_truncated);
  EXPECT_EQ(r.err, "last\n");
  EXPECT_FALSE(r.err_truncated);
  EXPECT_TRUE(r.exit.ok());
}

TEST_F(SubprocessTest, TimeOutKillsTheWholeGroup) {
  CommandOptions o = Shell("sleep 1000 & echo $!; wait");
  o.wall_limit = Nanos::Millis(200);
  CommandResult r = Execute(o);
  EXPECT_TRUE(r.timed_out);
  EXPECT_EQ(r.exit.signal, SIGKILL);
  EXPECT_TRUE(DisappearsSoon(std::stoi(r.out)));
}

TEST_F(SubprocessTest, EndlessOutputDoesNotOutliveItsTime) {
  CommandOptions o = Shell("cat /dev/zero");
  o.wall_limit = Nanos::Millis(200);
  o.max_stdout_bytes = 10;
  EXPECT_TRUE(Execute(o).timed_out);
}

TEST_F(SubprocessTest, WhatIsLeftBehindIsKilledAtTheEnd) {
  CommandResult r = Execute(Shell("sleep 1000 & echo $!"));
  EXPECT_TRUE(r.exit.ok());
  EXPECT_LT(r.wall, Nanos::Seconds(10));
  EXPECT_TRUE(DisappearsSoon(std::stoi(r.out)));
}

TEST_F(SubprocessTest, AnEscapedHolderOfThePipeIsNotWaitedFor) {
  auto dir = TempDir::Make("subprocess_test");
  ASSERT_TRUE(dir.ok());
  // The fifo says when the grandchild has made itself a session and is out of our reach.
  CommandOptions o = Shell("mkfifo f; setsid sh -c 'echo > f; exec sleep 5' & read x < f; echo done");
  o.cwd = dir->path();
  CommandResult r = Execute(o);
  EXPECT_EQ(r.out, "done\n");
  EXPECT_LT(r.wall, Nanos::Seconds(4));
}

TEST_F(SubprocessTest, Cancel) {
  int p[2];
  ASSERT_EQ(pipe2(p, O_CLOEXEC), 0);
  Fd cancel(p[0]), trigger(p[1]);
  trigger.reset();  // end of file counts as readable
  CommandOptions o = Shell("sleep 1000");
  o.cancel_fd = cancel.get();
  CommandResult r = Execute(o);
  EXPECT_TRUE(r.cancelled);
  EXPECT_FALSE(r.timed_out);
  cancel.reset();
}

TEST_F(SubprocessTest, Limits) {
  CommandOptions o = Shell("ulimit -t; ulimit -v; ulimit -f; ulimit -n; ulimit -c");
  o.limits.cpu_seconds = 7;
  o.limits.address_space_bytes = 512 << 20;
  o.limits.file_bytes = 1 << 20;
  o.limits.open_files = 17;
  EXPECT_EQ(Execute(o).out, "7\n524288\n2048\n17\n0\n");
}

TEST_F(SubprocessTest, CpuLimitEndsALoop) {
  CommandOptions o = Shell("while :; do :; done");
  o.limits.cpu_seconds = 1;
  CommandResult r = Execute(o);
  EXPECT_FALSE(r.timed_out);
  EXPECT_EQ(r.exit.signal, SIGXCPU);
  EXPECT_GE(r.exit.cpu, Nanos::Millis(300));  // the limit counts ticks, which on a busy CPU come early
}

TEST_F(SubprocessTest, NoDescriptorButTheThreeIsInherited) {
  Fd careless(open("/dev/null", O_RDONLY));  // without O_CLOEXEC
  CommandOptions o;
  o.argv = {"ls", "/proc/self/fd"};
  EXPECT_EQ(Execute(o).out, "0\n1\n2\n3\n");  // 3: ls reading the folder
  careless.reset();
}

TEST_F(SubprocessTest, SignalStateIsDefaultInTheChild) {
  signal(SIGPIPE, SIG_IGN);
  CommandOptions o;
  o.argv = {"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"};
  EXPECT_EQ(Execute(o).out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
  signal(SIGPIPE, SIG_DFL);
}

TEST_F(SubprocessTest, HookRunsAndCanRefuse) {
  CommandOptions o = Shell("umask");
  o.in_child = [] {
    umask(0);
    return 0;
  };
  EXPECT_EQ(Execute(o).out, "0000\n");
  o.in_child = [] { return ENOSYS; };
  auto r = RunCommand(o);
  ASSERT_FALSE(r.ok());
  EXPECT_THAT(r.error().message, HasSubstr("cannot confine"));
}

TEST_F(SubprocessTest, ManyAtOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([i] {
      for (int k = 0; k < 10; ++k)
        EXPECT_EQ(Execute(Shell("echo " + std::to_string(i))).out, std::to_string(i) + "\n");
    });
  for (auto& t : threads) t.join();
}

// The child dies when its starter is killed.
TEST_F(SubprocessTest, DiesWithItsParent) {
  int p[2];
  ASSERT_EQ(pipe2(p, O_CLOEXEC), 0);
  Fd in(p[0]), out(p[1]);
  pid_t middle = fork();
  if (middle == 0) {
    SubprocessOptions o;
    o.argv = {"sleep", "1000"};
    auto child = Subprocess::Start(o);
    pid_t pid = child.ok() ? child->pid() : -1;
    if (write(out.get(), &pid, sizeof pid) < 0) _exit(1);
    for (;;) pause();
  }
  pid_t pid = -1;
  ASSERT_EQ(read(in.get(), &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  ASSERT_GT(pid, 0);
  kill(middle, SIGKILL);
  waitpid(middle, nullptr, 0);
  EXPECT_TRUE(DisappearsSoon(pid));
  in.reset();
  out.reset();
}

TEST_F(SubprocessTest, LongLivedTalksInFrames) {
  SubprocessOptions o;
  o.argv = {"cat"};
  auto child = Subprocess::Start(o);
  ASSERT_TRUE(child.ok());
  for (std::string message : {"one", "two"}) {
    ASSERT_TRUE(WriteFrame(child->in(), message).ok());
    auto echo = ReadFrame(child->out(), 100, MonotonicNow() + Nanos::Seconds(20));
    ASSERT_TRUE(echo.ok());
    EXPECT_EQ(**echo, message);
  }
  EXPECT_EQ(child->Wait(Nanos::Millis(5)), std::nullopt);
  child->CloseIn();
  auto exit = child->Wait();
  ASSERT_TRUE(exit);
  EXPECT_TRUE(exit->ok());
  EXPECT_TRUE(child->Wait()->ok());
  child->Kill();  // harmless
}

TEST_F(SubprocessTest, CapturedStderrNeverBlocksTheChild) {
  SubprocessOptions o;
  o.argv = {"/bin/sh", "-c", "echo first >&2; head -c 1000000 /dev/zero >&2 2>/dev/null; exit 4"};
  o.stderr_to = ChildOutput::kCapture;
  auto child = Subprocess::Start(o);
  ASSERT_TRUE(child.ok());
  EXPECT_EQ(child->Wait(Nanos::Seconds(20))->exit_code, 4);
  std::string err = child->TakeStderr();
  EXPECT_EQ(err.substr(0, 6), "first\n");
  EXPECT_LE(err.size(), 65536u);
}

TEST_F(SubprocessTest, AssigningOverAChildEndsIt) {
  SubprocessOptions o;
  o.argv = {"sleep", "1000"};
  auto a = Subprocess::Start(o);
  auto b = Subprocess::Start(o);
  ASSERT_TRUE(a.ok() && b.ok());
  pid_t first = a->pid(), second = b->pid();
  *a = std::move(b).value();
  EXPECT_EQ(kill(first, 0), -1);
  EXPECT_EQ(a->pid(), second);
  EXPECT_EQ(kill(second, 0), 0);
  a->Kill();
  EXPECT_EQ(a->Wait()->signal, SIGKILL);
}

}  // namespace
}  // namespace ose
