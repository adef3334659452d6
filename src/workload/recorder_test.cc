#include "workload/recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "core/exit_code.h"
#include "workload/trace_import.h"
#include "workload/trace_session.h"

namespace ose {
namespace {

using testing::HasSubstr;

class Live : public testing::Test {
 protected:
  void SetUp() override {
    auto session = TraceSession::Open({.buffer_kb = 64});
    if (!session.ok()) GTEST_SKIP() << session.error().message;
  }
  // Every recording must have removed its tracefs instance.
  void TearDown() override {
    std::error_code ec;
    for (const auto& entry : std::filesystem::directory_iterator("/sys/kernel/tracing/instances", ec))
      EXPECT_THAT(entry.path().string(),
                  testing::Not(HasSubstr("osevolve-" + std::to_string(getpid()) + "-")));
  }
};

RecordResult MustRecord(const RecordOptions& options) {
  auto r = Record(options);
  EXPECT_TRUE(r.ok()) << r.error().message;
  return r.ok() ? std::move(r).value() : RecordResult{};
}

TEST_F(Live, Sleep) {
  RecordResult r = MustRecord({.argv = {"sleep", "0.1"}});
  EXPECT_EQ(r.exit_status, 0);
  EXPECT_EQ(r.totals.tasks, 1);
  EXPECT_EQ(r.totals.lost_events, 0);
  EXPECT_EQ(r.totals.unfinished, 0);
  EXPECT_GE(r.totals.span.ms(), 100);
  EXPECT_LT(r.totals.cpu.ms(), 90);
  const std::vector<Op>& program = r.workload.groups.at(0).program;
  auto timer =
      std::find_if(program.rbegin(), program.rend(), [](const Op& op) { return op.kind == OpKind::kTimer; });
  ASSERT_NE(timer, program.rend());
  EXPECT_GE(timer->ns, 100'000'000);
  EXPECT_EQ(r.workload.recorded.command, "sleep 0.1");
}

TEST_F(Live, ForksWaitsAndExitStatus) {
  RecordResult r = MustRecord({.argv = {"sh", "-c", "(echo x | cat >/dev/null); exit 7"}});
  EXPECT_EQ(r.exit_status, 7);
  EXPECT_GE(r.totals.tasks, 3);
  EXPECT_GE(r.totals.signals, 1);
  int64_t balance = 0, forks = 0;
  for (const Group& g : r.workload.groups)
    for (const Op& op : g.program) {
      balance += op.kind == OpKind::kSignal ? op.count : 0;
      balance -= op.kind == OpKind::kWait;
      forks += op.kind == OpKind::kFork;
    }
  EXPECT_EQ(balance, 0);
  EXPECT_EQ(forks, r.totals.tasks - 1);
  auto again = ParseWorkload(FormatWorkload(r.workload), "w.toml");
  EXPECT_TRUE(again.ok()) << again.error().message;
}

TEST_F(Live, CpuTimeIsWhatTheKernelCharged) {
  RecordResult r = MustRecord({.argv = {"sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"}});
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  double charged_ms = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
                      (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
  // The children of other tests are in it, too, so only one side is tight.
  EXPECT_LE(r.totals.cpu.ms(), charged_ms * 1.05 + 5);
  EXPECT_GE(r.totals.cpu.ms(), 10);
}

TEST_F(Live, LimitEndsTheCommand) {
  RecordResult r = MustRecord({.argv = {"sleep", "60"}, .limit = Nanos::Millis(200)});
  EXPECT_TRUE(r.limit_reached);
  EXPECT_EQ(r.exit_status, 128 + SIGTERM);
  EXPECT_LT(r.totals.span.s(), 10);
}

TEST_F(Live, SignalIsPassedOnAndEndsTheRecording) {
  pid_t parent = getpid();
  pid_t killer = fork();
  if (killer == 0) {
    usleep(500'000);
    kill(parent, SIGINT);
    _exit(0);
  }
  RecordResult r = MustRecord({.argv = {"sleep", "60"}});
  waitpid(killer, nullptr, 0);
  EXPECT_TRUE(r.interrupted);
  EXPECT_EQ(r.exit_status, 128 + SIGINT);
}

TEST_F(Live, Attach) {
  pid_t child = fork();
  if (child == 0) {
    for (;;) usleep(10'000);
  }
  RecordResult r = MustRecord({.pid = child, .limit = Nanos::Millis(300)});
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_EQ(r.exit_status, -1);
  EXPECT_EQ(r.totals.tasks, 1);
  EXPECT_GE(r.totals.sleeps, 3);
  EXPECT_EQ(r.totals.unfinished, 1);
}

TEST_F(Live, NoSuchCommandOrProcess) {
  auto r = Record({.argv = {"/nonexistent/command"}});
  ASSERT_FALSE(r.ok());
  EXPECT_EQ(r.error().code, kExitNotFound);
  EXPECT_THAT(r.error().message, HasSubstr("cannot run /nonexistent/command: No such file"));
  r = Record({.pid = 0x3fffffff});
  ASSERT_FALSE(r.ok());
  EXPECT_EQ(r.error().code, kExitNotFound);
}

TEST(Record, NeedsExactlyOneOfCommandAndPid) {
  EXPECT_EQ(Record({}).error().code, kExitUsage);
  EXPECT_EQ(Record({.argv = {"true"}, .pid = 1}).error().code, kExitUsage);
}

TEST(Record, WithoutRootSaysWhatIsMissing) {
  // In a process of its own, since root cannot be had back.
  EXPECT_EXIT(
      {
        if (geteuid() == 0 && setuid(65534) != 0) _exit(9);
        auto r = Record({.argv = {"true"}});
        fprintf(stderr, "%s", r.ok() ? "recorded" : r.error().message.c_str());
        _exit(r.ok() ? 0 : r.error().code);
      },
      testing::ExitedWithCode(kExitNoTracing), "needs root|CONFIG_TRACING");
}

TEST(ImportTrace, FromAFile) {
  auto dir = TempDir::Make("ose-import");
  ASSERT_TRUE(dir.ok());
  std::string path = JoinPath(dir->path(), "web.txt");
  std::string text =
      "# entries-in-buffer/entries-written: 5/5   #P:2\n"
      "  kworker/0:1-9  [000] d..2. 1.000000: sched_switch: prev_comm=kworker/0:1 prev_pid=9 prev_prio=120 "
      "prev_state=I "
      "==> next_comm=web next_pid=5 next_prio=120\n"
      "  web-5  [000] d..2. 1.000010: sched_switch: prev_comm=web prev_pid=5 prev_prio=120 prev_state=S "
      "==> next_comm=swapper/0 next_pid=0 next_prio=120\n"
      "  <idle>-0  [000] d.h2. 1.000030: sched_waking: comm=web pid=5 prio=120 target_cpu=000\n"
      "  <idle>-0  [000] d..2. 1.000031: sched_switch: prev_comm=swapper/0 prev_pid=0 prev_prio=120 "
      "prev_state=R "
      "==> next_comm=web next_pid=5 next_prio=120\n"
      "  web-5  [000] d..2. 1.000040: sched_switch: prev_comm=web prev_pid=5 prev_prio=120 prev_state=S "
      "==> next_comm=swapper/0 next_pid=0 next_prio=120\n";
  ASSERT_TRUE(WriteFileAtomic(path, text).ok());
  auto r = ImportTrace(path, {});
  ASSERT_TRUE(r.ok()) << r.error().message;
  ASSERT_EQ(r->workload.groups.size(), 1u);
  EXPECT_EQ(r->workload.name, "web");
  EXPECT_EQ(r->workload.cpus, 2);
  std::vector<Op> want = {{.kind = OpKind::kRun, .ns = 10'000},
                          {.kind = OpKind::kTimer, .ns = 30'000},
                          {.kind = OpKind::kRun, .ns = 9'000}};
  EXPECT_EQ(r->workload.groups[0].program, want);

  ASSERT_TRUE(WriteFileAtomic(path, text.substr(0, text.size() - 5)).ok());
  r = ImportTrace(path, {});
  ASSERT_FALSE(r.ok());
  EXPECT_EQ(r.error().code, kExitBadTrace);
  EXPECT_THAT(r.error().message, HasSubstr("web.txt:6: the trace is cut short"));

  EXPECT_EQ(ImportTrace(JoinPath(dir->path(), "none"), {}).error().code, kExitIo);
  EXPECT_EQ(ImportTrace("/dev/null", {}).error().code, kExitIo);
}

}  // namespace
}  // namespace ose
