#include "workload/signature.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "base/file.h"

namespace ose {
namespace {

constexpr int64_t kMs = 1'000'000;

double Feature(const Signature& s, std::string_view name) {
  for (size_t i = 0; i < s.size(); ++i)
    if (kSignatureFeatures[i] == name) return s[i];
  ADD_FAILURE() << "no feature " << name;
  return -1;
}

Op Use(int64_t ns) { return {OpKind::kRun, false, 0, 1, ns}; }
Op Sleep(int64_t ns) { return {OpKind::kSleep, false, 0, 1, ns}; }
Op Do(OpKind kind, uint32_t object = 0, uint32_t count = 1) { return {kind, false, object, count, 0}; }

Group Tasks(const std::string& name, int count, std::vector<Op> program) {
  Group g;
  g.name = name;
  g.count = count;
  g.program = std::move(program);
  return g;
}

Machine Cpus(int n) {
  Machine m;
  m.cpus = n;
  return m;
}

Workload HeadOfLine(int n, int64_t slow_ms, int64_t fast_ms) {
  Workload w;
  w.run_to_completion = true;
  w.groups = {Tasks("fast", n - 1, {Use(fast_ms * kMs)}), Tasks("slow", 1, {Use(slow_ms * kMs)})};
  return w;
}

Workload Bimodal(double a, double pa, double b, double pb, double load) {
  Workload w;
  w.horizon = Nanos::Millis(100);
  Dist d;
  d.kind = Dist::Kind::kMix;
  d.value = {a, b};
  d.weight = {pa, pb};
  w.dists = {d};
  Group g = Tasks("request", 64, {{OpKind::kRun, true, 0, 1, 0}});
  g.arrivals = {Arrivals::Kind::kPoisson, 0, load};
  w.groups = {g};
  return w;
}

TEST(SignatureTest, HeadOfLineByHand) {
  Signature s = ComputeSignature(HeadOfLine(32, 150, 5), Cpus(5));
  EXPECT_DOUBLE_EQ(Feature(s, "cpus"), std::log2(5) / 9);                                  // 512 = 2^9
  EXPECT_DOUBLE_EQ(Feature(s, "tasks_per_cpu"), std::log(1 + 6.4) / std::log(1025));
  EXPECT_DOUBLE_EQ(Feature(s, "utilization"), 305.0 / (5 * 150));                          // as a trace of 150 ms shows
  // Eight decades from 100 ns to 10 s: 5 ms is log10(5e4) = 4.699 of them.
  EXPECT_DOUBLE_EQ(Feature(s, "burst_p50"), std::log(5e4) / std::log(1e8));
  EXPECT_DOUBLE_EQ(Feature(s, "burst_p99"), std::log(150e6 / 100) / std::log(1e8));        // 31/32 = 0.969 < 0.99
  // Mean 305/32 = 9.53, variance 31/32 (9.53 - 5)^2 + 1/32 (150 - 9.53)^2 = 636.5: cv 2.647.
  EXPECT_NEAR(Feature(s, "burst_cv"), std::log(1 + 2.647) / std::log(17), 1e-4);
  EXPECT_EQ(Feature(s, "sleep_rate"), 0);
  EXPECT_EQ(Feature(s, "open_loop"), 0);
  // All at once: gaps 31 x 0 and one to the end: cv = sqrt(31).
  EXPECT_DOUBLE_EQ(Feature(s, "arrival_burstiness"), std::sqrt(31) / (1 + std::sqrt(31)));
}

TEST(SignatureTest, OpenLoopByHand) {
  Signature s = ComputeSignature(Bimodal(1e3, 50, 1e5, 50, 0.8), Cpus(14));
  EXPECT_NEAR(Feature(s, "utilization"), 0.8, 1e-12);
  EXPECT_DOUBLE_EQ(Feature(s, "burst_p10"), std::log(10) / std::log(1e8));
  EXPECT_DOUBLE_EQ(Feature(s, "burst_p90"), std::log(1000) / std::log(1e8));
  EXPECT_NEAR(Feature(s, "burst_cv"), std::log(1 + std::sqrt(0.961)) / std::log(17), 5e-3);
  EXPECT_EQ(Feature(s, "open_loop"), 1);
  EXPECT_EQ(Feature(s, "arrival_burstiness"), 0.5);
  // One sleep for each request of 50.5 us of CPU.
  EXPECT_NEAR(Feature(s, "sleep_rate"), std::log1p(1 / 50.5e-6) / std::log1p(1e7), 1e-9);
}

TEST(SignatureTest, ClosedLoopSharesTheCpus) {
  Workload w;
  Group g = Tasks("t", 20, {Use(3 * kMs), Sleep(7 * kMs)});
  g.repeat = true;
  w.groups = {g};
  // 20 x 0.3 = 6 CPUs wanted.
  EXPECT_DOUBLE_EQ(Feature(ComputeSignature(w, Cpus(4)), "utilization"), 1);
  EXPECT_DOUBLE_EQ(Feature(ComputeSignature(w, Cpus(12)), "utilization"), 0.5);
  // Per CPU-second the rates do not depend on the CPUs: a sleep each 3 ms of work.
  for (int cpus : {4, 12})
    EXPECT_NEAR(Feature(ComputeSignature(w, Cpus(cpus)), "sleep_rate"), std::log1p(1 / 3e-3) / std::log1p(1e7), 1e-9);
}

TEST(SignatureTest, BurstsGoOnFromPassToPass) {
  // run 1, sleep, run 2, over and over: each burst is 2 + 1 ms.
  Workload w;
  Group g = Tasks("t", 1, {Use(kMs), Sleep(kMs), Use(2 * kMs)});
  g.repeat = true;
  w.groups = {g};
  Signature s = ComputeSignature(w, Cpus(1));
  EXPECT_DOUBLE_EQ(Feature(s, "burst_p10"), std::log(3e4) / std::log(1e8));
  EXPECT_DOUBLE_EQ(Feature(s, "burst_p99"), std::log(3e4) / std::log(1e8));
  EXPECT_EQ(Feature(s, "burst_cv"), 0);
}

TEST(SignatureTest, WakersLocksAndYields) {
  Workload w;
  w.semaphores = {"s"};
  w.locks = {"m"};
  w.run_to_completion = true;
  // The giver signals 4 tasks once each in 1 ms of its own; they use 1 ms each: 5 ms in all.
  w.groups = {Tasks("giver", 1, {Use(kMs), Do(OpKind::kSignal, 0, 4)}),
              Tasks("taker", 4, {Do(OpKind::kWait), Do(OpKind::kLock), Use(kMs), Do(OpKind::kUnlock), Do(OpKind::kYield)})};
  Signature s = ComputeSignature(w, Cpus(2));
  auto rate = [](double per_cpu_second) { return std::log1p(per_cpu_second) / std::log1p(1e7); };
  EXPECT_NEAR(Feature(s, "wake_rate"), rate(4 / 5e-3), 1e-9);
  EXPECT_NEAR(Feature(s, "sleep_rate"), rate(4 / 5e-3), 1e-9);
  EXPECT_NEAR(Feature(s, "lock_rate"), rate(4 / 5e-3), 1e-9);
  EXPECT_NEAR(Feature(s, "yield_rate"), rate(4 / 5e-3), 1e-9);
  EXPECT_NEAR(Feature(s, "waker_fanout"), std::log1p(4) / std::log1p(1024), 1e-9);
}

TEST(SignatureTest, RecordingsUseTheirSpan) {
  Workload w = HeadOfLine(4, 10, 10);
  w.recorded.present = true;
  w.recorded.span_us = 40e3;
  EXPECT_DOUBLE_EQ(Feature(ComputeSignature(w, Cpus(2)), "utilization"), 40.0 / (2 * 40));
}

TEST(SignatureTest, NearWorkloadsAreNear) {
  Signature hol = ComputeSignature(HeadOfLine(32, 150, 5), Cpus(5));
  Signature small = ComputeSignature(HeadOfLine(16, 100, 5), Cpus(5));
  Signature bimodal = ComputeSignature(Bimodal(1e3, 50, 1e5, 50, 0.8), Cpus(14));
  Signature heavy = ComputeSignature(Bimodal(500, 99.5, 5e5, 0.5, 0.8), Cpus(14));
  Signature busier = ComputeSignature(Bimodal(1e3, 50, 1e5, 50, 0.9), Cpus(14));
  EXPECT_LT(SignatureDistance(hol, small), 0.1);
  EXPECT_GT(SignatureDistance(hol, bimodal), 0.25);
  EXPECT_LT(SignatureDistance(hol, small), SignatureDistance(hol, bimodal));
  EXPECT_LT(SignatureDistance(bimodal, busier), SignatureDistance(bimodal, heavy));
  EXPECT_LT(SignatureDistance(bimodal, heavy), SignatureDistance(bimodal, hol));
}

TEST(SignatureTest, DistanceIsAMetricUpToOne) {
  Signature zero{}, one;
  one.fill(1);
  EXPECT_EQ(SignatureDistance(zero, zero), 0);
  EXPECT_DOUBLE_EQ(SignatureDistance(zero, one), 1);
  Signature mid{};
  mid[3] = 1;
  EXPECT_EQ(SignatureDistance(zero, mid), SignatureDistance(mid, zero));
  EXPECT_LE(SignatureDistance(zero, one), SignatureDistance(zero, mid) + SignatureDistance(mid, one));
}

TEST(SignatureTest, ShippedWorkloadsAreInRangeAndFamiliesHoldTogether) {
  const std::string dir = std::string(OSE_SOURCE_DIR) + "/workloads";
  auto names = ListFiles(dir, ".toml");
  ASSERT_TRUE(names.ok());
  std::map<std::string, Signature> signatures;
  for (const std::string& name : *names) {
    auto w = LoadWorkload(JoinPath(dir, name));
    ASSERT_TRUE(w.ok()) << w.error().message;
    auto m = LoadMachine(std::string(OSE_SOURCE_DIR) + "/machines/" + w->machine + ".toml");
    ASSERT_TRUE(m.ok()) << m.error().message;
    Signature s = ComputeSignature(*w, *m);
    for (size_t i = 0; i < s.size(); ++i) {
      EXPECT_GE(s[i], 0) << name << " " << kSignatureFeatures[i];
      EXPECT_LE(s[i], 1) << name << " " << kSignatureFeatures[i];
    }
    EXPECT_EQ(s, ComputeSignature(*w, *m));
    signatures[name] = s;
  }
  double family = SignatureDistance(signatures["sysbench-cpu-32x5.toml"], signatures["sysbench-cpu-64x5.toml"]);
  EXPECT_LT(family, 0.05);
  EXPECT_LT(family, SignatureDistance(signatures["sysbench-cpu-32x5.toml"], signatures["hol.toml"]));
}

}  // namespace
}  // namespace ose
