#include "store/run_lock.h"

#include <sys/stat.h>

#include <csignal>
#include <vector>

#include "core/exit_code.h"
#include "store/testing.h"

namespace ose {
namespace {

class RunLockTest : public StoreTest {};

TEST_F(RunLockTest, SecondHolderIsRefusedAtOnceAndToldThePid) {
  std::string path = Path("run.db");
  auto lock = RunLock::Acquire(path);
  ASSERT_TRUE(lock.ok());
  auto second = RunLock::Acquire(path);
  ASSERT_EQ(CodeOf(second), kExitDatabaseBusy);
  EXPECT_NE(second.error().message.find("process " + std::to_string(getpid())), std::string::npos) << second.error().message;
  EXPECT_EQ(InChild([&] { return CodeOf(RunLock::Acquire(path)); }), kExitDatabaseBusy);
}

TEST_F(RunLockTest, ReleaseLeavesNothing) {
  std::string path = Path("run.db");
  { ASSERT_TRUE(RunLock::Acquire(path).ok()); }
  EXPECT_FALSE(FileExists(path + ".lock"));
  EXPECT_TRUE(RunLock::Acquire(path).ok());
}

TEST_F(RunLockTest, DeathOfTheHolderReleases) {
  std::string path = Path("run.db");
  int code = InChild([&] {
    auto lock = RunLock::Acquire(path);
    if (lock.ok()) raise(SIGKILL);
    return 1;
  });
  ASSERT_EQ(code, -SIGKILL);
  EXPECT_TRUE(FileExists(path + ".lock"));  // the stale file is no obstacle
  EXPECT_TRUE(RunLock::Acquire(path).ok());
}

// Many processes take and release it in turn; never two at a time.
TEST_F(RunLockTest, ExcludesUnderContention) {
  std::string path = Path("run.db"), inside = Path("inside");
  std::vector<pid_t> children;
  for (int c = 0; c < 4; ++c)
    children.push_back(StartChild([&] {
      for (int got = 0; got < 200;) {
        auto lock = RunLock::Acquire(path);
        if (!lock.ok()) {
          if (lock.error().code != kExitDatabaseBusy) return 2;
          usleep(20);
          continue;
        }
        if (mkdir(inside.c_str(), 0700) != 0) return 3;  // somebody else is inside
        if (rmdir(inside.c_str()) != 0) return 4;
        ++got;
      }
      return 0;
    }));
  for (pid_t pid : children) EXPECT_EQ(WaitFor(pid), 0);
}

TEST_F(RunLockTest, NoFolder) { EXPECT_EQ(CodeOf(RunLock::Acquire(Path("none/run.db"))), kExitIo); }

}  // namespace
}  // namespace ose
