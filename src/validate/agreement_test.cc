#include "validate/agreement.h"

#include <gtest/gtest.h>

namespace ose {
namespace {

SeedResult At(uint64_t seed, Metrics metrics) { return {seed, std::move(metrics), 0}; }

TEST(Agreement, TolerancesAreThoseOfTheDesign) {
  EXPECT_EQ(MetricTolerance("throughput"), 0.10);
  EXPECT_EQ(MetricTolerance("latency_p50"), 0.10);
  EXPECT_EQ(MetricTolerance("worker.latency_p99"), 0.25);
  EXPECT_EQ(MetricTolerance("start_p95"), 0.25);
  EXPECT_EQ(MetricTolerance("latency_max"), 0);
  EXPECT_EQ(MetricTolerance("overhead"), 0);
  EXPECT_EQ(MetricTolerance("no_such"), 0);
}

TEST(Agreement, RowsCompareMeansOfMetricsThatBothReport) {
  InBothWorlds both{.policy = "kernel",
                    .model = {At(1, {{"throughput", 90}, {"latency_p99", 10}}), At(2, {{"throughput", 94}, {"latency_p99", 10}})},
                    .real = {At(1, {{"throughput", 100}, {"latency_p99", 20}, {"span", 3}}), At(2, {{"throughput", 100}, {"latency_p99", 20}, {"span", 3}})}};
  ValidationTable table{"real", "", MetricRows("g", both, {}, "here")};
  ASSERT_EQ(table.rows.size(), 2u);  // the model has no span
  Judge(table);
  EXPECT_EQ(table.rows[0].name, "latency_p99");
  EXPECT_EQ(table.rows[0].verdict, RowVerdict::kOff);  // half of it, and a quarter is allowed
  EXPECT_EQ(table.rows[1].name, "throughput");
  EXPECT_EQ(table.rows[1].verdict, RowVerdict::kOk);   // 92 of 100
  EXPECT_DOUBLE_EQ(table.rows[1].measured->mean, 92);
  EXPECT_EQ(table.rows[1].note, "");
}

TEST(Agreement, MetricsOfGroupsOnlyWhenTheyAreObjectives) {
  InBothWorlds both{.policy = "kernel", .model = {At(1, {{"a.latency_p50", 1}, {"b.latency_p50", 1}})}, .real = {At(1, {{"a.latency_p50", 1}, {"b.latency_p50", 1}})}};
  const auto rows = MetricRows("g", both, {{.metric = "b.latency_p50", .direction = Direction::kMinimize}}, "");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].name, "b.latency_p50");
}

TEST(Agreement, RanksShareTheirMeanWhenTied) {
  EXPECT_EQ(RanksWithTies({30, 10, 20}, 0.01), (std::vector<double>{3, 1, 2}));
  EXPECT_EQ(RanksWithTies({100, 100.5, 50, 101}, 0.01), (std::vector<double>{3, 3, 1, 3}));  // a chain
  EXPECT_EQ(RanksWithTies({1, 1}, 0), (std::vector<double>{1.5, 1.5}));
}

TEST(Agreement, RankCorrelationIsSpearmans) {
  // 1 - 6 sum d^2 / (n (n^2 - 1)) with d = (0, 1, 1, 0): 1 - 12/60.
  EXPECT_DOUBLE_EQ(RankCorrelation({1, 2, 3, 4}, {1, 3, 2, 4}), 0.8);
  EXPECT_DOUBLE_EQ(RankCorrelation({1, 2, 3}, {3, 2, 1}), -1);
  EXPECT_EQ(RankCorrelation({2, 2, 2}, {2, 2, 2}), 1);
  EXPECT_EQ(RankCorrelation({2, 2, 2}, {1, 2, 3}), 0);
}

TEST(Agreement, PoliciesRankByTheObjectivesThatBothReport) {
  const std::vector<Objective> objectives = {{.metric = "throughput"}, {.metric = "latency_p99", .direction = Direction::kMinimize}};
  std::vector<InBothWorlds> policies = {
      {"fast", {At(1, {{"throughput", 30}, {"latency_p99", 9}})}, {At(1, {{"throughput", 60}})}},
      {"middle", {At(1, {{"throughput", 20}, {"latency_p99", 1}})}, {At(1, {{"throughput", 50}})}},
      {"slow", {At(1, {{"throughput", 10}, {"latency_p99", 1}})}, {At(1, {{"throughput", 10}})}}};
  ValidationRow row = RankRow("g", policies, objectives, 0.01, 0.9);
  ASSERT_TRUE(row.measured);
  EXPECT_DOUBLE_EQ(row.measured->mean, 1);
  EXPECT_EQ(row.note, "3 policies; throughput off by 50% in the median, 60% at most; scores in kernel / model, in % of fast: "
                      "fast 100 / 100, middle 83.3 / 66.7, slow 16.7 / 33.3");

  std::swap(policies[0].real, policies[2].real);  // the model has it upside down
  row = RankRow("g", policies, objectives, 0.01, 0.9);
  EXPECT_DOUBLE_EQ(row.measured->mean, -1);
  EXPECT_NE(row.note.find("fast, place 1 in the model and 3 in the kernel"), std::string::npos) << row.note;
  for (size_t i = 0; i < 3; ++i) policies[i].real.push_back(policies[2 - i].real[0]);  // and the kernel contradicts itself
  for (InBothWorlds& p : policies) p.model.push_back(p.model[0]);
  row = RankRow("g", policies, objectives, 0.01, 0.9);
  EXPECT_NE(row.note.find("halves of the kernel's runs agree by -1.00"), std::string::npos) << row.note;
  policies.pop_back();
  EXPECT_FALSE(RankRow("g", policies, objectives, 0.01, 0.9).measured);
}

}  // namespace
}  // namespace ose
