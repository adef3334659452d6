#include "workload/workload.h"

#include <gtest/gtest.h>

namespace ose {
namespace {

constexpr char kSmall[] = R"(format = 1
name = "small"

[[group]]
name = "fast"
count = 31
start_us = { uniform = [0, 1000] }
program = [ { barrier = "go" }, { begin = true }, { run_us = { uniform = [4900, 5100] } }, { end = true } ]

[[group]]
name = "slow"
program = [
  { barrier = "go" }, { begin = true }, { run_ms = 150 }, { end = true },
]
)";

TEST(Workload, Small) {
  auto w = ParseWorkload(kSmall, "small.toml");
  ASSERT_TRUE(w.ok()) << w.error().message;
  auto again = ParseWorkload(FormatWorkload(*w), "again.toml");
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_TRUE(*again == *w);
}

}  // namespace
}  // namespace ose
