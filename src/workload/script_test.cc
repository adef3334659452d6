#include "workload/script.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace ose {
namespace {

constexpr ScriptLists kLists{.locks = 2, .semaphores = 3, .barriers = 4, .queues = 5, .groups = 6};

std::string ErrorOf(std::string_view text) {
  std::vector<Op> ops;
  auto e = ParseScript(text, kLists, &ops);
  return e ? std::to_string(e->line) + ": " + e->what : "no error";
}

TEST(Script, EveryToken) {
  constexpr char kText[] = "r12034 s5 t500000 l1 u1 w2 k1 k0x7 m3 y f5 p4 g0 b e [9 r0 ]\n";
  std::vector<Op> ops;
  ASSERT_FALSE(ParseScript(kText, kLists, &ops));
  using enum OpKind;
  EXPECT_EQ(ops, (std::vector<Op>{{.kind = kRun, .ns = 12034},
                                  {.kind = kSleep, .ns = 5},
                                  {.kind = kTimer, .ns = 500000},
                                  {.kind = kLock, .object = 1},
                                  {.kind = kUnlock, .object = 1},
                                  {.kind = kWait, .object = 2},
                                  {.kind = kSignal, .object = 1},
                                  {.kind = kSignal, .object = 0, .count = 7},
                                  {.kind = kBarrier, .object = 3},
                                  {.kind = kYield},
                                  {.kind = kFork, .object = 5},
                                  {.kind = kPut, .object = 4},
                                  {.kind = kTake, .object = 0},
                                  {.kind = kBegin},
                                  {.kind = kEnd},
                                  {.kind = kLoop, .count = 9},
                                  {.kind = kRun, .ns = 0},
                                  {.kind = kEndLoop}}));
  EXPECT_EQ(FormatScript(ops), kText);
}

TEST(Script, EmptyAndBlank) {
  std::vector<Op> ops;
  EXPECT_FALSE(ParseScript("", kLists, &ops));
  EXPECT_FALSE(ParseScript(" \n\t\r\n ", kLists, &ops));
  EXPECT_TRUE(ops.empty());
  EXPECT_EQ(FormatScript({}), "");
}

TEST(Script, Errors) {
  EXPECT_EQ(ErrorOf("r1\n\nq"),
            "2: script token \"q\": no such operation; the letters are a b c d e f g k l m n o p r s t u w y [ ]");
  EXPECT_EQ(ErrorOf("r"), "0: script token \"r\": a number from 0 must follow the letter");
  EXPECT_EQ(ErrorOf("r-5"), "0: script token \"r-5\": a number from 0 must follow the letter");
  EXPECT_EQ(ErrorOf("r5s5"), "0: script token \"r5s5\": white space must separate tokens");
  EXPECT_EQ(ErrorOf("y1"), "0: script token \"y1\": white space must separate tokens");
  EXPECT_EQ(ErrorOf("w1x2"), "0: script token \"w1x2\": white space must separate tokens");
  EXPECT_EQ(ErrorOf("r1000000000000000001"),
            "0: script token \"r1000000000000000001\": give at most 1000000000000000000 ns");
  EXPECT_EQ(ErrorOf("r99999999999999999999"),
            "0: script token \"r99999999999999999999\": a number from 0 must follow the letter");
  EXPECT_EQ(ErrorOf("r1 w3"),
            "0: script token \"w3\": there is no semaphore 3, the file has 3; raise the file's 'semaphores'");
  EXPECT_EQ(ErrorOf("l2"),
            "0: script token \"l2\": there is no lock 2, the file has 2; raise the file's 'locks'");
  EXPECT_EQ(ErrorOf("m4"),
            "0: script token \"m4\": there is no barrier 4, the file has 4; add a [[barrier]]");
  EXPECT_EQ(ErrorOf("g5"), "0: script token \"g5\": there is no queue 5, the file has 5; add a [[queue]]");
  EXPECT_EQ(ErrorOf("f6"), "0: script token \"f6\": there is no group 6, the file has 6; add a [[group]]");
  EXPECT_EQ(ErrorOf("[0"), "0: script token \"[0\": a loop runs 1 to 1000000000 times");
  EXPECT_EQ(ErrorOf("k1x0"), "0: script token \"k1x0\": signal 1 to 1000000000 times");
  EXPECT_EQ(ErrorOf("k1x"), "0: script token \"k1x\": signal 1 to 1000000000 times");
}

TEST(Script, LineOfAToken) {
  constexpr char kText[] = "r1 r2\n\n  r3\nr4";
  EXPECT_EQ(ScriptLine(kText, 0), 0);
  EXPECT_EQ(ScriptLine(kText, 1), 0);
  EXPECT_EQ(ScriptLine(kText, 2), 2);
  EXPECT_EQ(ScriptLine(kText, 3), 3);
}

TEST(Script, RoundTripAndWrap) {
  Rng rng(7);
  std::vector<Op> ops;
  for (int i = 0; i < 20'000; ++i) {
    switch (rng.Below(4)) {
      case 0:
        ops.push_back({.kind = OpKind::kRun, .ns = static_cast<int64_t>(rng() >> (5 + rng.Below(59)))});
        break;
      case 1:
        ops.push_back({.kind = OpKind::kWait, .object = static_cast<uint32_t>(rng.Below(3))});
        break;
      case 2:
        ops.push_back(
            {.kind = OpKind::kSignal, .object = 1, .count = 1 + static_cast<uint32_t>(rng.Below(3))});
        break;
      default:
        ops.push_back({.kind = OpKind::kYield});
        break;
    }
  }
  std::string text = FormatScript(ops);
  std::vector<Op> again;
  auto e = ParseScript(text, kLists, &again);
  ASSERT_FALSE(e) << e->what;
  EXPECT_EQ(again, ops);
  size_t longest = 0;
  for (size_t start = 0, end; (end = text.find('\n', start)) != std::string::npos; start = end + 1)
    longest = std::max(longest, end - start);
  EXPECT_LE(longest, 100u);
  EXPECT_GT(longest, 80u);
}

}  // namespace
}  // namespace ose
