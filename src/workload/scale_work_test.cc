#include "workload/scale_work.h"

#include <gtest/gtest.h>

namespace ose {
namespace {

TEST(ScaleWork, RunsTakeLongerAndSleepsDoNot) {
  auto w = ParseWorkload(R"(
format = 1
[[group]]
name = "a"
repeat = true
program = [ { run_us = 10 }, { sleep_us = 10 }, { run_us = { uniform = [1, 3] } }, { sleep_us = { uniform = [1, 3] } },
            { run_us = { lognormal = [5, 2] } }, { run_us = { mix = [[1, 50], [100, 50]] } } ]
)", "w.toml");
  ASSERT_TRUE(w.ok()) << w.error().message;
  const Workload slow = ScaleWork(*w, 3);
  const auto& before = w->groups[0].program;
  const auto& after = slow.groups[0].program;
  EXPECT_EQ(after[0].ns, 30'000);
  EXPECT_EQ(after[1], before[1]);
  EXPECT_EQ(after[3], before[3]);
  for (size_t i : {2u, 4u, 5u}) EXPECT_DOUBLE_EQ(slow.dists[after[i].object].Mean(), 3 * w->dists[before[i].object].Mean()) << i;
  EXPECT_DOUBLE_EQ(slow.dists[after[4].object].b, 2);  // the coefficient of variation
  EXPECT_DOUBLE_EQ(MeanWork(slow, slow.groups[0]), 3 * MeanWork(*w, w->groups[0]));
  EXPECT_TRUE(CheckWorkload(slow).ok());
}

}  // namespace
}  // namespace ose
