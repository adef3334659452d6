#include "workload/signature_counts.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "core/exit_code.h"

namespace ose {
namespace {

// Two tasks on two CPUs for 1 s: each runs 1 ms and sleeps 1 ms, 500 times, and wakes the other.
SignatureCounts Ticking() {
  SignatureCounts c;
  c.cpus = 2;
  c.window_s = 1;
  c.tasks = 2;
  c.cpu_ns = c.burst_ns = 1e9;
  c.begun = c.bursts = c.sleeps = c.wakes = 1000;
  c.burst_us2 = 1000 * 1e6;
  c.burst_hist.assign(80, 0);
  c.burst_hist[4 * 19 + 3] = 1000;  // 2^19 * 1.75 = 917,504 ns to 2^20
  c.waker_pairs = c.wakers = 2;
  return c;
}

TEST(SignatureOfCounts, AgreesWithTheWorkloadThatItCounts) {
  auto w = ParseWorkload(R"(
format = 1
name = "ticking"
horizon_s = 1
semaphores = 2
[[group]]
name = "a"
repeat = true
program = [ { run_ms = 1 }, { signal = "sem1" }, { wait = "sem0" }, { sleep_ms = 1 } ]
[[group]]
name = "b"
repeat = true
program = [ { run_ms = 1 }, { signal = "sem0" }, { wait = "sem1" }, { sleep_ms = 1 } ]
)", "ticking.toml");
  ASSERT_TRUE(w.ok()) << w.error().message;
  Machine m;
  m.cpus = 2;
  const Signature from_file = ComputeSignature(*w, m), counted = SignatureOfCounts(Ticking());
  for (size_t i = 0; i < counted.size(); ++i) {
    if (kSignatureFeatures[i] == "sleep_rate") continue;  // the file has two a turn
    EXPECT_NEAR(counted[i], from_file[i], 0.03) << kSignatureFeatures[i];
  }
}

TEST(SignatureOfCounts, ATaskThatNeverSleepsIsOneBurst) {
  SignatureCounts c;
  c.cpus = 1;
  c.window_s = 2;
  c.tasks = 1;
  c.cpu_ns = 2e9;
  c.begun = 1;
  const Signature s = SignatureOfCounts(c);
  EXPECT_DOUBLE_EQ(s[2], 1);                        // utilization
  EXPECT_NEAR(s[4], std::log10(2e9 / 100) / 8, 1e-9);  // burst_p50
  EXPECT_DOUBLE_EQ(s[7], 0);                        // burst_cv
}

TEST(SignatureOfCounts, NothingIsZero) { EXPECT_EQ(SignatureOfCounts({}), Signature{}); }

TEST(WorkloadOfCounts, HasTheSameSignature) {
  auto w = WorkloadOfCounts(Ticking(), "counted");
  ASSERT_TRUE(w.ok()) << w.error().message;
  auto again = ParseWorkload(FormatWorkload(*w), "counted.toml");
  ASSERT_TRUE(again.ok()) << again.error().message;
  Machine m;
  m.cpus = 2;
  const Signature s = ComputeSignature(*again, m), counted = SignatureOfCounts(Ticking());
  for (size_t i : {0, 1, 2, 3, 4, 5, 6, 8}) EXPECT_NEAR(s[i], counted[i], 0.05) << kSignatureFeatures[i];
  EXPECT_EQ(WorkloadOfCounts({}, "x").error().code, kExitBadWorkload);
}

TEST(ParseSignatureCounts, ReadsAndRefuses) {
  const std::string good = R"({"format":1,"cpus":2,"window_s":1.5,"tasks":3,"cpu_ns":10,"begun":1,"bursts":1,"burst_ns":9,"burst_us2":0,
    "burst_hist":[0,1],"sleeps":1,"wakes":0,"yields":7,"locks":0,"waker_pairs":0,"wakers":0,"open_ns":0,"arrivals":0,"gap_ns":0,"gap_us2":0,"nice":[-5,10]})";
  auto c = ParseSignatureCounts(good);
  ASSERT_TRUE(c.ok());
  EXPECT_EQ(c->yields, 7);
  EXPECT_EQ(c->min_nice, -5);
  EXPECT_EQ(c->max_nice, 10);
  for (auto [from, to] : {std::pair{"\"cpus\":2", "\"cpus\":0"}, {"\"format\":1", "\"format\":2"}, {"\"tasks\":3", "\"tasks\":-3"},
                          {"\"tasks\":3,", ""}, {"[0,1]", "[0,\"x\"]"}, {"[-5,10]", "[77]"}}) {
    std::string bad = good;
    bad.replace(bad.find(from), strlen(from), to);
    EXPECT_FALSE(ParseSignatureCounts(bad).ok()) << to;
  }
  EXPECT_FALSE(ParseSignatureCounts("").ok());
}

}  // namespace
}  // namespace ose
