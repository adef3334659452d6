// Golden values: the simulator gives the same numbers to the last bit.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "sim/simulate.h"
#include "sim/testing.h"

namespace ose {
namespace {

// The simulator's numbers are the same on every machine. When a change of the model moves them on
// purpose, the message shows the new value.
TEST(Golden, HolUnderCfsIsTheSameToTheLastBit) {
  auto w = LoadWorkload(std::string(OSE_SOURCE_DIR) + "/workloads/hol.toml");
  auto m = LoadMachine(std::string(OSE_SOURCE_DIR) + "/machines/server-5cpu.toml");
  auto policy = NativePolicy::Open(ShippedPolicy("cfs"));
  ASSERT_TRUE(w.ok() && m.ok() && policy.ok());
  std::string text;
  for (uint64_t seed : {1, 2}) {
    SimResult r = Simulate(*w, *m, *policy, seed);
    ASSERT_EQ(r.outcome, Outcome::kOk) << r.diagnosis;
    for (auto& [name, value] : r.metrics) text += fmt::format("{}={:a}\n", name, value);
  }
  EXPECT_EQ(Sha256Hex(text), "65403929063b20de6dff8f115261725d26d423176c1f8bccf53a6f8aceb2dd95") << text;
}

}  // namespace
}  // namespace ose
