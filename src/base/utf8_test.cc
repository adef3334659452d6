#include "base/utf8.h"

#include <gtest/gtest.h>

namespace ose {
namespace {

constexpr char kBad[] = "\xef\xbf\xbd";

TEST(Utf8, ValidTextIsUnchanged) {
  for (const char* text : {"", "plain", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xef\xbf\xbd", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(IsValidUtf8(text)) << text;
    EXPECT_EQ(ToValidUtf8(text), text);
  }
}

TEST(Utf8, InvalidPartsAreReplacedOneByOne) {
  const std::string bad = kBad;
  EXPECT_EQ(ToValidUtf8("a\xff" "b"), "a" + bad + "b");
  EXPECT_EQ(ToValidUtf8("\x80\x80"), bad + bad);
  EXPECT_EQ(ToValidUtf8("\xc0\xaf"), bad + bad);               // overlong
  EXPECT_EQ(ToValidUtf8("\xed\xa0\x80"), bad + bad + bad);     // a surrogate
  EXPECT_EQ(ToValidUtf8("\xf4\x90\x80\x80"), bad + bad + bad + bad);
  EXPECT_EQ(ToValidUtf8("\xe2\x82"), bad);                     // cut
  EXPECT_EQ(ToValidUtf8("\xe2\x82z"), bad + "z");
  EXPECT_EQ(ToValidUtf8("\xf0\x9f\x98"), bad);
}

TEST(Utf8, EveryThreeBytesBecomeValid) {
  for (int a = 0x70; a < 0x100; ++a)
    for (int b = 0; b < 0x100; b += 3)
      for (int c : {0x41, 0x80, 0xbf, 0xc3, 0xff}) {
        const std::string s{static_cast<char>(a), static_cast<char>(b), static_cast<char>(c)};
        const std::string valid = ToValidUtf8(s);
        ASSERT_TRUE(IsValidUtf8(valid));
        ASSERT_EQ(valid == s, IsValidUtf8(s));
      }
}

TEST(Utf8, OneLineIsOneLineAndBounded) {
  EXPECT_EQ(OneLine("  a\r\n\tb \x1b[31m c\x7f ", 100), "a b [31m c");
  EXPECT_EQ(OneLine("a\xc2\x9b" "b\xff", 100), std::string("a b") + kBad);
  EXPECT_EQ(OneLine("abcdef", 6), "abcdef");
  EXPECT_EQ(OneLine("abcdefg", 6), "abc...");
  EXPECT_EQ(OneLine("ab\xe2\x82\xac" "defg", 6), "ab...");
  EXPECT_EQ(OneLine("abc", 2), "..");
  EXPECT_EQ(OneLine("", 5), "");
}

}  // namespace
}  // namespace ose
