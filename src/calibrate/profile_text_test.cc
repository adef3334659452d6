#include "calibrate/profile_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "calibrate/quiet.h"

namespace ose {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(ProfileText, ValuesAndCommentsOfTheEntries) {
  Machine base;
  base.name = "x";
  const std::string text = ProfileText(base,
                                       {{"cost", "context_switch", "712", "ns", "measured: that"},
                                        {"cost", "ipi", "", "ns", "not measured: only one CPU"},
                                        {"cost", "refill_ns_per_kb_llc", "36.2", "ns/KiB", "measured: this"},
                                        {"cost", "syscall", "95", "ns", "measured: call"},
                                        {"cost", "rq_lock_hold", "", "ns", "not measured: inside"},
                                        {"topology", "l2_kb", "1024", "KiB", "sysfs"},
                                        {"kernel", "tick", "4000000", "ns", "clock"},
                                        {"noise", "rate_per_s", "12.5", "", "measured: noise"},
                                        {"noise", "duration", "{ mix = [[1000, 1], [9000, 3]] }", "ns", "measured: gaps"}},
                                       {"head"});
  EXPECT_THAT(text, HasSubstr("# head\n"));
  EXPECT_THAT(text, HasSubstr("context_switch_ns = 712       # measured: that\n"));
  EXPECT_THAT(text, HasSubstr("tick_ms = 4                   # clock\n"));
  EXPECT_THAT(text, HasSubstr("ipi_ns = 1200                 # not measured: only one CPU\n"));
  EXPECT_THAT(text, HasSubstr("hook_ns = 60                  # not measured: the default\n"));
  EXPECT_THAT(text, HasSubstr("# rq_lock_hold: not measured: inside\n"));
  auto read = ParseMachine(text, "x.toml");
  ASSERT_TRUE(read.ok()) << read.error().message << text;
  Machine expected = base;
  expected.context_switch = {712};
  expected.refill_ns_per_kb_llc = 36.2;
  expected.syscall = {95};
  expected.l2_kb = 1024;
  expected.tick = Nanos::Millis(4);
  expected.noise.rate_per_s = 12.5;
  expected.noise.duration = {.kind = Dist::Kind::kMix, .a = 0, .b = 0, .value = {1000, 9000}, .weight = {1, 3}};
  EXPECT_EQ(*read, expected);
}

TEST(ProfileText, ATableOfCommentsOnly) {
  Machine base;
  base.name = "x";
  const std::string text = ProfileText(base, {{"noise", "noise", "", "", "left out"}}, {});
  EXPECT_THAT(text, HasSubstr("# noise: left out\n"));
  EXPECT_THAT(text, Not(HasSubstr("[noise]")));
  EXPECT_TRUE(ParseMachine(text, "x.toml").ok());
}

TEST(EntryOf, DigitsOfTheValue) {
  Figure f{.table = "cost", .key = "k", .unit = "ns", .measured = true, .value = {712.4, 690, 741}, .repetitions = 1, .discarded = 0, .comment = "c"};
  EXPECT_EQ(EntryOf(f).value, "712");
  f.unit = "ns/KiB";
  f.value.mean = 36.2449;
  EXPECT_EQ(EntryOf(f).value, "36.2");
  f.unit = "1";
  f.value.mean = 0.61749;
  EXPECT_EQ(EntryOf(f).value, "0.617");
  f.value.mean = 0;
  EXPECT_EQ(ParseMachine("format = 1\n[topology]\ncpus = 1\n[cost]\nrefill_ns_per_kb_llc = " + EntryOf(f).value + "\n", "x").ok(), true);
  f.measured = false;
  EXPECT_EQ(EntryOf(f).value, "");
}

TEST(Quietness, OfProcStat) {
  const CpuTimes begin = ParseCpuTimes("cpu  100 10 50 1000 20 5 5 3 0 0\ncpu0 1 2 3\n");
  EXPECT_EQ(begin.busy, 170);
  EXPECT_EQ(begin.idle, 1020);
  EXPECT_EQ(begin.steal, 3);
  const CpuTimes end = ParseCpuTimes("cpu  300 10 50 1200 20 5 5 53 0 0\n");
  // In 2 s others used 2 s less our 1.5 s, and half a second was stolen.
  const Quietness busy = Between(begin, end, Nanos::Millis(1500), Nanos::Seconds(2));
  EXPECT_DOUBLE_EQ(busy.others, 0.25);
  EXPECT_DOUBLE_EQ(busy.steal, 0.25);
  EXPECT_FALSE(busy.quiet());
  Quietness emulated = Between(begin, begin, {0}, Nanos::Seconds(1));
  emulated.lost = 0.05;
  EXPECT_FALSE(emulated.quiet());
  EXPECT_TRUE(Between(begin, begin, {0}, Nanos::Seconds(1)).quiet());
  EXPECT_EQ(ParseCpuTimes("intr 5").busy, 0);
}

}  // namespace
}  // namespace ose
