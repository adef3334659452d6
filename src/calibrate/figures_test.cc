#include "calibrate/figures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "calibrate/rules.h"

namespace ose {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Surroundings TwoCpus() {
  Surroundings where;
  where.topology.cpus = {{0, 0, 0}, {0, 0, 1}};
  where.topology.online = where.usable = {0, 1};
  where.topology.l2_kb = 1024;
  where.tick = Nanos::Millis(4);
  return where;
}

// Every round has the same samples, so every figure is exact.
Samples Constant(const std::map<std::string, double>& values, int rounds = 10) {
  Samples s;
  for (int r = 0; r < rounds; ++r) {
    s.BeginRound();
    for (const auto& [series, value] : values) s.Add(series, value);
  }
  return s;
}

const std::map<std::string, double> kMachine = {
    {"call", 100}, {"futex_call", 130}, {"pipe_calls", 500}, {"yield_ns_per_switch", 950}, {"yields_per_switch", 2.5},
    {"wake_here", 730}, {"ipi_latency", 1'300}, {"ipi_gap", 900}, {"wake_idle_short", 4'000}, {"wake_idle_long", 6'000},
    {"wake_busy", 3'000}, {"waker_busy", 1'730}, {"waker_idle", 2'130}, {"moved_cache", 2'200}, {"stayed_cache", 1'900}, {"refill_cache_16", 5},
    {"refill_cache_64", 7}, {"refill_cache_256", 9}, {"refill_cache_1024", 20}, {"memory", 40}, {"line_cache", 55},
    {"sleep_spent", 1'500}, {"timer_gap", 1'100}, {"tick_gap", 1'800}, {"fork", 9'000}, {"noise_rate", 12}, {"pipe_hop", 2'000}, {"pipe_apart", 700},
};

Figure FigureOf(const std::string& key, const Samples& samples, const Surroundings& where = TwoCpus()) {
  std::vector<Recipe> recipes = Recipes(where);
  for (Recipe& r : RuleRecipes({.live_program = "live", .objects = {"a", "b", "c", "d", "e"}, .why_not = ""}))
    if (samples.kept(r.series[0]) > 0) recipes.insert(recipes.begin(), std::move(r));
  for (const Recipe& r : recipes)
    if (r.key == key) return MakeFigure(r, samples);
  ADD_FAILURE() << "no " << key;
  return {};
}

TEST(Figures, FormulasAreExact) {
  const Samples s = Constant(kMachine);
  const std::map<std::string, double> expected = {
      {"context_switch", 950 - 2.5 * 100},
      {"wakeup", 2'000 - 500 - 700},
      {"ipi", 1'300 - 100},
      {"interrupt", 900},
      {"idle_exit", 5'000 - 1'200 - 700},
      {"migration_core", 300},
      {"refill_ns_per_kb_llc", 9},  // 256 KiB, at most half of the private cache
      {"refill_ns_per_kb_far", 40},
      {"remote", 55},
      {"kick", 1'730 - 130 - 800},
      {"wakeup_idle", 2'130 - 130 - 800},
      {"syscall", 100},
      {"futex_op", 30},
      {"pipe_op", 150},
      {"pipe_remote", 700 - 250 - 55},
      {"sleep_op", 1'500 - 100 - 700},
      {"fork_op", 9'000 - 100 - 800},
      {"wakeup_irq", 1'100},
      {"tick_cost", 1'800},
  };
  for (const auto& [key, value] : expected) {
    const Figure f = FigureOf(key, s);
    EXPECT_TRUE(f.measured) << key;
    EXPECT_NEAR(f.value.mean, value, 1e-9) << key;
    EXPECT_NEAR(f.value.lo, value, 1e-9) << key;
    EXPECT_NEAR(f.value.hi, value, 1e-9) << key;
    EXPECT_EQ(f.repetitions, 10) << key;
  }
}

TEST(Figures, ThoseOfPolicies) {
  auto values = kMachine;
  for (const auto& [policy, ns] : std::map<std::string, double>{{"plain", 1'600}, {"hooks", 1'760}, {"queue", 1'900}, {"kick", 2'400}, {"general", 1'760}, {"peek", 2'700}, {"vtime", 1'950}}) {
    values[policy + "_yield_ns_per_switch"] = ns;
    values[policy + "_yields_per_switch"] = 1;
  }
  const Samples s = Constant(values);
  EXPECT_NEAR(FigureOf("hook", s).value.mean, 80, 1e-9);
  EXPECT_NEAR(FigureOf("dsq_op", s).value.mean, 300 - 80, 1e-9);
  EXPECT_NEAR(FigureOf("kick", s).value.mean, 800, 1e-9);
  EXPECT_NEAR(FigureOf("general", s).value.mean, 10, 1e-9);
  EXPECT_NEAR(FigureOf("dsq_peek", s).value.mean, 100, 1e-9);          // beyond the policy with a queue
  EXPECT_NEAR(FigureOf("dsq_insert_vtime", s).value.mean, 220 + 50, 1e-9);  // all of it, as it takes the place of dsq_op
  // plain 1500 without its call; the kernel's own 700; a hook and an operation.
  EXPECT_NEAR(FigureOf("sched_ext_switch", s).value.mean, 1'500 - 700 - 80 - 220, 1e-9);
}

TEST(Figures, ASwitchUnderSchedExtCostsNoLessThanNothing) {
  std::vector<Figure> figures(2);
  figures[0].key = "context_switch", figures[0].measured = true, figures[0].value = {700, 690, 710};
  figures[1].key = "sched_ext_switch", figures[1].measured = true, figures[1].value = {-900, -950, -650};
  std::vector<Figure> mild = figures;
  mild[1].value = {-100, -120, -80};
  LimitDifference(figures, {50});
  EXPECT_EQ(figures[1].value.mean, -700);
  EXPECT_EQ(figures[1].value.hi, -650);
  EXPECT_THAT(figures[1].comment, HasSubstr("UNCERTAIN: it came out as -900"));
  LimitDifference(mild, {50});
  EXPECT_EQ(mild[1].value.mean, -100);
  EXPECT_EQ(mild[1].comment, "");
}

TEST(Figures, WhatCannotBeMeasuredSaysWhy) {
  const Samples s = Constant(kMachine);
  EXPECT_EQ(FigureOf("migration_node", s).comment, "not measured: only one node");
  EXPECT_FALSE(FigureOf("migration_llc", s).measured);
  EXPECT_THAT(FigureOf("smt_speed", s).comment, HasSubstr("two hardware threads"));
  Surroundings one = TwoCpus();
  one.usable = {1};
  EXPECT_EQ(FigureOf("ipi", s, one).comment, "not measured: only one CPU may be used");
  Samples disturbed;
  disturbed.BeginRound();
  disturbed.Discard("pipe_hop");
  EXPECT_EQ(FigureOf("wakeup", disturbed).comment, "not measured: all 1 repetitions were disturbed");
}

TEST(Figures, OfTwoCachesAndTwoNodes) {
  Surroundings where;
  for (int cpu = 0; cpu < 8; ++cpu) {
    where.topology.cpus.push_back({cpu / 2 * 2, cpu / 4, cpu});
    where.usable.push_back(cpu);
  }
  where.topology.online = where.usable;
  auto values = kMachine;
  values.insert({{"moved_node", 3'000}, {"stayed_node", 2'000}, {"moved_far", 5'000}, {"stayed_far", 2'000}, {"refill_node_256", 60}});
  const Samples s = Constant(values);
  EXPECT_NEAR(FigureOf("migration_llc", s, where).value.mean, 1'000, 1e-9);
  EXPECT_NEAR(FigureOf("migration_node", s, where).value.mean, 3'000, 1e-9);
  EXPECT_NEAR(FigureOf("refill_ns_per_kb_far", s, where).value.mean, 60, 1e-9);
}

TEST(Figures, UncertainOnesSaySo) {
  Samples wide;
  for (int r = 0; r < 10; ++r) {
    wide.BeginRound();
    wide.Add("ipi_gap", r % 2 ? 200 : 2'000);
  }
  EXPECT_THAT(FigureOf("interrupt", wide).comment, HasSubstr("UNCERTAIN"));
  auto values = kMachine;
  values["moved_cache"] = 1'000;
  const Figure negative = FigureOf("migration_core", Constant(values));
  EXPECT_EQ(negative.value.mean, 0);
  EXPECT_THAT(negative.comment, HasSubstr("UNCERTAIN: it came out as -900"));
  Samples sure = Constant(kMachine);
  for (int i = 0; i < 5; ++i) sure.Discard("ipi_gap");
  EXPECT_THAT(FigureOf("interrupt", sure).comment, HasSubstr("measured: 900 [900, 900] ns, 10 repetitions of"));
  EXPECT_THAT(FigureOf("interrupt", sure).comment, HasSubstr("5 more were disturbed"));
}

TEST(Contradictions, AreSaid) {
  auto values = kMachine;  // pipes say 2000 - 500 - 700 = 800 for a wake-up, futexes 600
  EXPECT_THAT(Contradictions(Constant(values), TwoCpus()), IsEmpty());
  values["pipe_hop"] = 5'000;
  EXPECT_THAT(Contradictions(Constant(values), TwoCpus()), SizeIs(1));
  values = kMachine;
  values["wake_busy"] = 2'000'000;  // waits for the tick
  EXPECT_THAT(Contradictions(Constant(values), TwoCpus()), SizeIs(1));
  values = kMachine;
  values["wake_idle_long"] = 60'000;
  EXPECT_THAT(Contradictions(Constant(values), TwoCpus()), SizeIs(1));
  EXPECT_THAT(Contradictions(Samples(), TwoCpus()), IsEmpty());
}

TEST(RefillSizes, UpToThePrivateCache) {
  Topology t;
  EXPECT_EQ(RefillSizesKb(t).back(), 256);
  t.l2_kb = 2048;
  EXPECT_EQ(RefillSizesKb(t).back(), 1024);
  t.l2_kb = 8;
  EXPECT_EQ(RefillSizesKb(t), std::vector<int>{16});
}

TEST(NoiseMix, MeansOfEighths) {
  std::vector<double> lengths;
  for (int i = 0; i < 16; ++i) lengths.push_back(1'000 * i);
  EXPECT_EQ(NoiseMix(lengths), "{ mix = [[500, 1], [2500, 1], [4500, 1], [6500, 1], [8500, 1], [10500, 1], [12500, 1], [14500, 1]] }");
  EXPECT_EQ(NoiseMix({1, 2, 3}), "");
}

TEST(IntervalText, AboutThreeDigits) {
  EXPECT_EQ(IntervalText({712.4, 690.1, 741.2}), "712 [690, 741]");
  EXPECT_EQ(IntervalText({36.24, 35.9, 40}), "36.2 [35.9, 40.0]");
  EXPECT_EQ(IntervalText({0.62, 0.61, 0.63}), "0.6200 [0.6100, 0.6300]");
}

}  // namespace
}  // namespace ose
