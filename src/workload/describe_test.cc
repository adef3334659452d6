#include "workload/describe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ose {
namespace {

using testing::HasSubstr;

TEST(Describe, SaysWhatEachGroupDoes) {
  auto w = LoadWorkload(OSE_SOURCE_DIR "/workloads/hol.toml");
  ASSERT_TRUE(w.ok()) << w.error().message;
  auto m = LoadMachine(OSE_SOURCE_DIR "/machines/server-5cpu.toml");
  ASSERT_TRUE(m.ok());
  const std::string text = DescribeWorkload(*w, *m);
  EXPECT_THAT(text, HasSubstr("32 tasks on 5 CPUs; the run ends when every task has ended."));
  EXPECT_THAT(text, HasSubstr("- 31 tasks of group \"fast\", working set 64 KiB, starting after 0 ns to 1 ms (uniform)."));
  EXPECT_THAT(text, HasSubstr("Once: meet at barrier go (32 parties); (the event begins); use the CPU for 4.9 ms to 5.1 ms (uniform); (the event ends)."));
  EXPECT_THAT(text, HasSubstr("- minimise fast.start_p95, weight 1: release to first instruction"));
  EXPECT_THAT(DescribeMachine(*m), HasSubstr("A slice ends on the first tick (1 ms apart)"));
}

TEST(Describe, OpenLoopNamesRateAndLoad) {
  auto w = LoadWorkload(OSE_SOURCE_DIR "/workloads/bimodal-50-1-50-100.toml");
  ASSERT_TRUE(w.ok()) << w.error().message;
  auto m = LoadMachine(OSE_SOURCE_DIR "/machines/shinjuku-14cpu.toml");
  ASSERT_TRUE(m.ok());
  // rate = 0.8 x 14 / 50.5 us
  EXPECT_THAT(DescribeWorkload(*w, *m), HasSubstr("Requests arrive as a Poisson process at 221782/s (80% of all CPUs' time)"));
  EXPECT_THAT(DescribeWorkload(*w, *m), HasSubstr("use the CPU for 1 us in 50%, 100 us in 50%; mean 50.5 us"));
}

TEST(Describe, LongProgramsAreSummedUp) {
  std::string program;
  for (int i = 1; i <= 100; ++i) program += "{ run_us = " + std::to_string(i) + " }, { sleep_us = 5 }, ";
  auto w = ParseWorkload("format = 1\n[[group]]\nname = \"g\"\nrepeat = true\nprogram = [ " + program + " ]\n", "t.toml");
  ASSERT_TRUE(w.ok()) << w.error().message;
  const std::string text = DescribeWorkload(*w, Machine{});
  EXPECT_THAT(text, HasSubstr("200 operations: 100 CPU bursts (p10 10 us, p50 50 us, p90 90 us, p99 99 us, max 100 us), 100 sleeps"));
  EXPECT_LT(text.size(), 1200u);
}

}  // namespace
}  // namespace ose
