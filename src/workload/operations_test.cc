// Spins, periods and conditions in files and scripts, and what they do to bounds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "workload/bound.h"
#include "workload/critical_path.h"
#include "workload/script.h"
#include "workload/workload.h"

namespace ose {
namespace {

using testing::HasSubstr;

Workload Parse(const std::string& text) {
  auto w = ParseWorkload("format = 1\n" + text, "t.toml");
  EXPECT_TRUE(w.ok()) << (w.ok() ? "" : w.error().message);
  if (!w.ok()) return {};
  auto again = ParseWorkload(FormatWorkload(*w), "again");
  EXPECT_TRUE(again.ok() && *again == *w) << FormatWorkload(*w);
  return *w;
}
std::string Refusal(const std::string& text) {
  auto w = ParseWorkload("format = 1\n" + text, "t.toml");
  return w.ok() ? "accepted" : w.error().message;
}

constexpr char kAll[] =
    "[[timer]]\nname = 'tick'\nshared = true\nabsolute = true\n[[timer]]\nname = 'own'\n"
    "[[group]]\nname = 'a'\nprogram = [ { spin_us = 100 }, { period_ms = 2 }, { period_ms = 3, timer = 'tick' }, { lock = 'm' }, "
    "{ cond_wait = 'c', mutex = 'm' }, { unlock = 'm' }, { cond_wait = 'd' } ]\n"
    "[[group]]\nname = 'b'\nprogram = [ { run_ms = 5 }, { cond_signal = 'c' }, { cond_broadcast = 'd' }, { spin_us = { uniform = [1, 2] } } ]\n";

TEST(OperationsTest, AreReadAndWritten) {
  const Workload w = Parse(kAll);
  const std::vector<Op>& a = w.groups[0].program;
  EXPECT_EQ(a[0], (Op{.kind = OpKind::kSpin, .ns = 100'000}));
  EXPECT_EQ(a[1], (Op{.kind = OpKind::kPeriod, .object = 1, .ns = 2'000'000}));
  EXPECT_EQ(a[2], (Op{.kind = OpKind::kPeriod, .object = 0, .ns = 3'000'000}));
  EXPECT_EQ(a[4], (Op{.kind = OpKind::kCondWait, .object = 0, .count = 1}));
  EXPECT_EQ(a[6], (Op{.kind = OpKind::kCondWait, .object = 1, .count = 0}));
  EXPECT_TRUE(w.timers[0].shared && w.timers[0].absolute && !w.timers[1].shared);
}

TEST(OperationsTest, HaveTokensInScripts) {
  const std::vector<Op> ops = {{.kind = OpKind::kSpin, .ns = 7}, {.kind = OpKind::kPeriod, .object = 1, .ns = 500},
                               {.kind = OpKind::kCondWait, .object = 2, .count = 0}, {.kind = OpKind::kCondWait, .object = 2, .count = 4},
                               {.kind = OpKind::kCondSignal, .object = 1}, {.kind = OpKind::kCondBroadcast, .object = 0}};
  const std::string text = FormatScript(ops);
  EXPECT_EQ(text, "a7 d1x500 c2 c2x3 n1 o0\n");
  const ScriptLists lists{.locks = 4, .conditions = 3, .timers = 2};
  std::vector<Op> out;
  EXPECT_FALSE(ParseScript(text, lists, &out));
  EXPECT_EQ(out, ops);
  for (const char* bad : {"d2x5", "d1", "d1x", "c3", "c0x4", "c0x", "n3", "o", "a"}) {
    out.clear();
    EXPECT_TRUE(ParseScript(bad, lists, &out)) << bad;
  }
}

TEST(OperationsTest, AreChecked) {
  EXPECT_THAT(Refusal("[[group]]\nname = 'a'\nprogram = [ { cond_wait = 'c', mutex = 'm' }, { cond_signal = 'c' } ]\n"),
              HasSubstr("t.toml:4: group 'a' waits for condition 'c' without holding 'm'"));
  EXPECT_THAT(Refusal("[[group]]\nname = 'a'\nprogram = [ { cond_wait = 'c' } ]\n"), HasSubstr("which nobody signals"));
  EXPECT_THAT(Refusal("conditions = ['d']\n[[group]]\nname = 'a'\nprogram = [ { cond_signal = 'c' } ]\n"), HasSubstr("no condition 'c'"));
  EXPECT_THAT(Refusal("[[timer]]\nname = 't'\n[[group]]\nname = 'a'\nprogram = [ { period_ms = 1 } ]\n"), HasSubstr("no timer 'own'"));
  EXPECT_THAT(Refusal("[[group]]\nname = 'a'\nprogram = [ { period_ms = { exponential = 1 } } ]\n"), HasSubstr("'period'"));
  EXPECT_THAT(Refusal("[[group]]\nname = 'a'\nrepeat = true\nprogram = [ { period_ms = 0 } ]\n"), HasSubstr("can never sleep or end"));
}

TEST(OperationsTest, WhatCannotEndByTheHorizonIsNamed) {
  EXPECT_THAT(Refusal("horizon_ms = 10\n[[group]]\nname = 'a'\nprogram = [\n { loop = 3, program = [\n { run_ms = 3 },\n { sleep_us = 500 } ] } ]\n"),
              HasSubstr("t.toml:8: group 'a' cannot end within the horizon of 10 ms: up to here it takes at least 10.5 ms"));
  EXPECT_THAT(Refusal("horizon_ms = 10\n[[group]]\nname = 'a'\nprogram = [ { timer_ms = 11 } ]\n"), HasSubstr("cannot end within"));
  EXPECT_THAT(Refusal("horizon_ms = 10\nend = 'horizon'\n[[group]]\nname = 'a'\nstart_ms = { uniform = [10, 20] }\nprogram = [ { run_ms = 1 } ]\n"),
              HasSubstr("t.toml:6: group 'a' starts at 10 ms at the earliest"));
  Parse("horizon_ms = 10\n[[group]]\nname = 'a'\nprogram = [ { run_ms = { exponential = 9 } }, { run_ms = 9 } ]\n");
}

TEST(OperationsTest, BoundARunFromBelow) {
  // b: 5 ms, the signals, 32 us at least. a: 0.1 ms, timers until 3 ms, and waits until 5 ms.
  const Workload w = Parse(kAll);
  const CriticalPath path = FindCriticalPath(w, {}, 1);
  EXPECT_EQ(path.groups[0].finish, 5'000'000);
  EXPECT_EQ(path.groups[1].finish, 5'000'000 + kSpinStep.v);
  const auto a = std::find_if(path.events.begin(), path.events.end(), [](const auto& e) { return e.group == 0; });
  ASSERT_NE(a, path.events.end());
  EXPECT_EQ(a->own, 100'000);
  EXPECT_EQ(a->work, kSpinStep.v);
  EXPECT_EQ(a->spare, 100'000);
  Machine m;
  const Metrics bounds = Bounds(w, m, 1);
  EXPECT_DOUBLE_EQ(bounds.at("span"), 5032);
  EXPECT_DOUBLE_EQ(bounds.at("slowdown_p50"), 1);
}

TEST(OperationsTest, PeriodsBoundTheRateOfEvents) {
  const Workload w = Parse("horizon_s = 1\n[[group]]\nname = 'a'\ncount = 2\nrepeat = true\nprogram = [ { begin = true }, { run_us = 10 }, { end = true }, { period_ms = 10 } ]\n");
  Machine m;
  EXPECT_NEAR(Bounds(w, m, 1).at("throughput"), 200, 1);
}

}  // namespace
}  // namespace ose
