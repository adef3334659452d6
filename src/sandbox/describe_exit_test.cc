#include "sandbox/describe_exit.h"

#include <gtest/gtest.h>
#include <signal.h>

namespace ose {
namespace {

// As wait(2) encodes them.
constexpr int Exited(int code) { return code << 8; }
constexpr int Signalled(int signal) { return signal; }

TEST(DescribeExit, EveryKind) {
  EXPECT_EQ(DescribeExit(Exited(0)).kind, ExitKind::kOk);
  EXPECT_EQ(DescribeExit(Exited(1)).kind, ExitKind::kExit);
  EXPECT_EQ(DescribeExit(Exited(kExitOutOfMemory)).kind, ExitKind::kMemory);
  EXPECT_EQ(DescribeExit(Exited(kExitOutOfStack)).kind, ExitKind::kStack);
  for (int s : {SIGSYS, SIGXFSZ}) EXPECT_EQ(DescribeExit(Signalled(s)).kind, ExitKind::kSandbox);
  for (int s : {SIGXCPU, SIGPROF}) EXPECT_EQ(DescribeExit(Signalled(s)).kind, ExitKind::kCpu);
  for (int s : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGTERM})
    EXPECT_EQ(DescribeExit(Signalled(s)).kind, ExitKind::kCrash);
}

TEST(DescribeExit, SigkillIsCpuTimeOnlyIfThatIsUsedUp) {
  EXPECT_EQ(DescribeExit(Signalled(SIGKILL)).kind, ExitKind::kKilled);
  EXPECT_EQ(DescribeExit(Signalled(SIGKILL), Nanos::Millis(900), Nanos::Seconds(2)).kind, ExitKind::kKilled);
  EXPECT_EQ(DescribeExit(Signalled(SIGKILL), Nanos::Seconds(2), Nanos::Seconds(2)).kind, ExitKind::kCpu);
}

TEST(DescribeExit, CoreFlagDoesNotConfuse) {
  EXPECT_EQ(DescribeExit(Signalled(SIGSYS) | 0x80).kind, ExitKind::kSandbox);
}

}  // namespace
}  // namespace ose
