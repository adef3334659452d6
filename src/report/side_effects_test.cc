#include "report/side_effects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"

namespace ose {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Evaluation Eval(const Metrics& metrics) {
  Evaluation e;
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    e.seeds.push_back({seed, metrics, 1});
    for (auto& [name, value] : e.seeds.back().metrics) value *= 1 + 0.001 * static_cast<double>(seed);
  }
  return e;
}

std::vector<Objective> P99() {
  Objective o;
  o.metric = "latency_p99";
  return {o};
}

TEST(SideEffects, AreWhatGotWorseByATenth) {
  const Evaluation before = Eval({{"latency_p99", 100}, {"latency_p999", 200}, {"latency_p50", 10}, {"throughput", 50}, {"a.throughput", 40}, {"overhead", 1}, {"slowdown_p99", 0}});
  const Evaluation after = Eval({{"latency_p99", 300}, {"latency_p999", 900}, {"latency_p50", 10.5}, {"throughput", 60}, {"a.throughput", 20}, {"overhead", 9}, {"slowdown_p99", 5}});
  std::vector<std::string> names;
  for (const MetricEffect& e : SideEffects(P99(), before, after)) names.push_back(e.metric);
  // Not the objective, what is within a tenth or better, or what was 0.
  EXPECT_THAT(names, ElementsAre("overhead", "latency_p999", "a.throughput"));
  EXPECT_EQ(SideEffects(P99(), before, after, 1).size(), 1u);
  EXPECT_TRUE(SideEffects(P99(), before, before).empty());
  EXPECT_TRUE(SideEffects(P99(), Evaluation{}, Evaluation{}).empty());
}

TEST(SideEffects, OverheadCountsWhenItTakesCpuTime) {
  EXPECT_TRUE(SideEffects(P99(), Eval({{"overhead", 0.01}}), Eval({{"overhead", 0.9}})).empty());
  const std::vector<MetricEffect> e = SideEffects(P99(), Eval({{"overhead", 0.01}}), Eval({{"overhead", 60}}));
  ASSERT_EQ(e.size(), 1u);
  EXPECT_THAT(SideEffectsText(e, "fifo"), HasSubstr("60.12% of the CPUs' time, 0.01% under it"));
}

TEST(SideEffects, AreTold) {
  const std::vector<MetricEffect> e = SideEffects(P99(), Eval({{"throughput", 50}}), Eval({{"throughput", 25}}));
  ASSERT_EQ(e.size(), 1u);
  EXPECT_THAT(SideEffectsText(e, "fifo"), AllOf(HasSubstr("worse than under fifo"), HasSubstr("throughput"), HasSubstr("-50.00%")));
  EXPECT_EQ(SideEffectsText({}, "fifo"), "");
  EXPECT_EQ(SideEffectsJson(e)[0]["metric"], "throughput");
  EXPECT_NEAR(SideEffectsJson(e)[0]["change_pct"].get<double>(), -50, 1e-9);
}

}  // namespace
}  // namespace ose
