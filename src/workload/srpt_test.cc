#include "workload/srpt.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "workload/draw.h"

namespace ose {
namespace {

TEST(SrptTest, PreemptsForTheShorterJob) {
  // One server. A: release 0, work 10. B: release 2, work 3. C: release 4, work 1.
  // 0-2 A (8 left), 2-4 B (1 left), at 4 B has 1 left and C 1: ties do not matter to the sum.
  // 4-5 and 5-6 end B and C at 5 and 6, A at 14. Flow: A 14, B and C (5 + 6) - (2 + 4) = 5. Sum 19.
  std::vector<Job> jobs = {{0, 10}, {2, 3}, {4, 1}};
  EXPECT_DOUBLE_EQ(SrptTotalFlow(jobs, 1), 19);
}

TEST(SrptTest, TwoCpusServeAtDoubleSpeed) {
  // Speed 2: A 0-1 (8 left), no B until 2: A 4 units in 2 ns -> 6 left at 2. B 2-3.5, C waits at 4:
  // 3.5-4 A (5 left), C 4-4.5, A 4.5-7. Flow: A 7, B 1.5, C 0.5 = 9.
  std::vector<Job> jobs = {{0, 10}, {2, 3}, {4, 1}};
  EXPECT_DOUBLE_EQ(SrptTotalFlow(jobs, 2), 9);
}

TEST(SrptTest, IdlesBetweenJobsAndTakesEmptyJobs) {
  std::vector<Job> jobs = {{0, 1}, {100, 1}, {100, 0}};
  EXPECT_DOUBLE_EQ(SrptTotalFlow(jobs, 1), 2);
  EXPECT_DOUBLE_EQ(SrptTotalFlow({}, 3), 0);
  EXPECT_DOUBLE_EQ(MeanBusyTotalFlow({}, 3), 0);
}

TEST(SrptTest, CountsUnfinishedJobsUpToTheLimit) {
  // Ends at 1, 3, 7; up to 5: 1 + 3 + 5.
  std::vector<Job> jobs = {{0, 4}, {0, 1}, {0, 2}};
  EXPECT_DOUBLE_EQ(SrptTotalFlow(jobs, 1, 5), 9);
}

TEST(SrptTest, LongestBusyPeriod) {
  // Two CPUs: 0-3 with 6 of work, 10-10.5 with 1.
  std::vector<Job> jobs = {{0, 4}, {1, 2}, {10, 1}};
  double longest = 0;
  MeanBusyTotalFlow(jobs, 2, &longest);
  EXPECT_DOUBLE_EQ(longest, 3);
}

TEST(SrptTest, MeanBusyTimeOfOneServerIsExactWithoutPreemption) {
  // Released together on one CPU: M_j + p_j / 2 = C_j. Sizes 1, 2, 4 end at 1, 3, 7.
  std::vector<Job> jobs = {{0, 4}, {0, 1}, {0, 2}};
  EXPECT_DOUBLE_EQ(MeanBusyTotalFlow(jobs, 1), 11);
  // Two CPUs: M = 0.25, 1, 2.5, plus halves 3.5: 7.25; the optimum is SPT: ends 1, 2, 5 = 8.
  EXPECT_DOUBLE_EQ(MeanBusyTotalFlow(jobs, 2), 7.25);
}

std::vector<Job> Poisson(double load, int n, uint64_t seed) {
  Rng rng(seed);
  Dist size, gap;
  size.kind = gap.kind = Dist::Kind::kExponential;
  size.a = 1e5;
  gap.a = 1e5 / load;
  std::vector<Job> jobs;
  int64_t now = 0;
  for (int i = 0; i < n; ++i) {
    now += Sample(gap, rng).v;
    jobs.push_back({now, Sample(size, rng).v});
  }
  return jobs;
}

TEST(SrptTest, AgreesWithTheMeanResponseOfMM1) {
  // M/M/1 under SRPT at load 0.8: E[T] = 2.3528 E[S] (Schrage and Miller 1966).
  const int n = 1'000'000;
  std::vector<Job> jobs = Poisson(0.8, n, 3);
  EXPECT_NEAR(SrptTotalFlow(jobs, 1) / n / 1e5, 2.3528, 0.03);
}

TEST(SrptTest, NoBoundExceedsWhatFirstComeFirstServedAttains) {
  // A schedule that exists: FCFS on k CPUs.
  for (int cpus : {1, 2, 5}) {
    std::vector<Job> jobs = Poisson(0.95 * cpus, 20'000, 11);
    std::vector<int64_t> free(static_cast<size_t>(cpus), 0);
    double flow = 0;
    for (const Job& j : jobs) {
      auto cpu = std::min_element(free.begin(), free.end());
      *cpu = std::max(*cpu, j.release) + j.work;
      flow += static_cast<double>(*cpu - j.release);
    }
    EXPECT_LE(SrptTotalFlow(jobs, cpus), flow);
    EXPECT_LE(MeanBusyTotalFlow(jobs, cpus), flow);
  }
}

}  // namespace
}  // namespace ose
