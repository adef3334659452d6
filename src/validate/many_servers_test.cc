#include "validate/many_servers.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "validate/ladder.h"
#include "validate/sample_path.h"

namespace ose {
namespace {

Workload Open(const Dist& size, double load, int servers, double requests) { return OpenLoop(Scaled(size, 1e3), load, servers, requests); }

TEST(ManyServers, QuantaCostWhatTheySay) {
  // A request of 6 us every 10 us has a server to itself: three quanta of 2 us, the first two of which cost 1 us each.
  Workload w = Open({.kind = Dist::Kind::kConstant, .a = 6}, 0.6, 1, 1000);
  w.groups[0].arrivals.kind = Arrivals::Kind::kPeriodic;
  const ServedRequests served = Serve(w, {.servers = 1, .quantum = {2'000}, .overhead = {1'000}}, 1, 1.3);
  EXPECT_GT(served.requests, 900);
  EXPECT_NEAR(served.mean_slowdown, 8.0 / 6, 1e-9);
  EXPECT_EQ(served.beyond, 1);  // 1.33 is above 1.3
  EXPECT_EQ(Serve(w, {.servers = 1, .quantum = {2'000}, .overhead = {1'000}}, 1, 1.4).beyond, 0);
}

TEST(ManyServers, WithoutAQuantumItIsFirstComeFirstServed) {
  const Workload w = Open({.kind = Dist::Kind::kExponential, .a = 5}, 0.8, 3, 20'000);
  std::vector<int64_t> free_at(3, 0);
  double sum = 0, n = 0;
  for (const Job& job : ArrivingJobs(w, 3, 7)) {
    auto first = std::min_element(free_at.begin(), free_at.end());
    const int64_t work = std::max<int64_t>(job.work, 1);
    *first = std::max(*first, job.release) + work;
    if (job.release < w.warmup.v) continue;
    sum += static_cast<double>(*first - job.release) / static_cast<double>(work);
    n += 1;
  }
  const ServedRequests served = Serve(w, {.servers = 3}, 7, 10);
  EXPECT_EQ(static_cast<double>(served.requests), n);
  EXPECT_NEAR(served.mean_slowdown, sum / n, 1e-9);
}

TEST(ManyServers, ShortRequestsGoFirstUnderSrpt) {
  const Workload w = Open({.kind = Dist::Kind::kMix, .value = {1, 100}, .weight = {50, 50}}, 0.8, 1, 50'000);
  const ServedRequests srpt = Serve(w, {.servers = 1, .order = ServiceOrder::kSrpt}, 3, 50), fcfs = Serve(w, {.servers = 1}, 3, 50);
  EXPECT_EQ(srpt.requests, fcfs.requests);
  EXPECT_NEAR(srpt.mean_slowdown, 2.006, 0.15);  // Schrage and Miller 1966
  EXPECT_GT(fcfs.mean_slowdown, 50);
  EXPECT_LT(srpt.beyond, fcfs.beyond / 10);
}

}  // namespace
}  // namespace ose
