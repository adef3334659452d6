#include "llm/json_read.h"

#include <gtest/gtest.h>

namespace ose {
namespace {

TEST(JsonRead, DamagedCharactersDoNotLoseTheText) {
  EXPECT_EQ(JsonText(*ParseJson("{\"a\":\"x\xff\"}"), {"a"}), "x\xef\xbf\xbd");
  EXPECT_EQ(JsonText(*ParseJson(R"({"a":"x\ud83d"})"), {"a"}), "x\xef\xbf\xbd");
  EXPECT_EQ(JsonText(*ParseJson(R"({"a":"\ude00x\ud83d\ud83d\ude00"})"), {"a"}), "\xef\xbf\xbdx\xef\xbf\xbd\xf0\x9f\x98\x80");
  EXPECT_EQ(JsonText(*ParseJson(R"({"a":"\\ud83d"})"), {"a"}), "\\ud83d");
  EXPECT_FALSE(ParseJson(R"({"a":"\ud8)"));
  EXPECT_FALSE(ParseJson("{\"a\":1"));
  EXPECT_FALSE(ParseJson(""));
}

TEST(JsonRead, DeepNestingIsRefused) {
  EXPECT_TRUE(ParseJson(std::string(100, '[') + std::string(100, ']')));
  EXPECT_FALSE(ParseJson(std::string(200, '[') + std::string(200, ']')));
  EXPECT_TRUE(ParseJson("\"" + std::string(200, '[') + "\\\"" + std::string(200, '[') + "\""));
}

TEST(JsonRead, WhatIsMissingReadsAsEmpty) {
  const auto j = *ParseJson(R"({"a":{"b":"x","n":null,"i":7,"f":2.9},"l":[1]})");
  EXPECT_EQ(JsonText(j, {"a", "b"}), "x");
  EXPECT_EQ(JsonText(j, {"a", "i"}), "");
  EXPECT_EQ(JsonText(j, {"a", "b", "c"}), "");
  EXPECT_EQ(JsonAt(j, {"a", "n"}), nullptr);
  EXPECT_EQ(JsonCount(j, {"a", "i"}), 7);
  EXPECT_EQ(JsonCount(j, {"a", "f"}), 2);
  EXPECT_EQ(JsonCount(j, {"a", "b"}), std::nullopt);
  EXPECT_NE(JsonFirst(JsonAt(j, {"l"})), nullptr);
  EXPECT_EQ(JsonFirst(JsonAt(j, {"a"})), nullptr);
  EXPECT_EQ(JsonFirst(nullptr), nullptr);
}

TEST(JsonRead, CountsAreBounded) {
  const auto j = *ParseJson(R"([{"n":-5},{"n":1e300},{"n":18446744073709551615}])");
  EXPECT_EQ(JsonCount(j[0], {"n"}), 0);
  EXPECT_EQ(JsonCount(j[1], {"n"}), 1'000'000'000'000);
  EXPECT_EQ(JsonCount(j[2], {"n"}), 1'000'000'000'000);
}

TEST(JsonRead, PercentEncoding) { EXPECT_EQ(PercentEncode("a-b.c_d~e:0/\xc3"), "a-b.c_d~e%3A0%2F%C3"); }

}  // namespace
}  // namespace ose
