#include "llm/reason.h"

#include <gtest/gtest.h>

namespace ose {
namespace {

TEST(OneLine, JoinsLinesAndDropsControls) {
  EXPECT_EQ(OneLine("  a\r\n\tb\x1b[31m c\x7f ", 100), "a b [31m c");
  EXPECT_EQ(OneLine("", 100), "");
  EXPECT_EQ(OneLine("\n\n", 100), "");
}

TEST(OneLine, KeepsUtf8AndMarksOtherBytes) {
  EXPECT_EQ(OneLine("d\xc3\xa9j\xc3\xa0 \xe6\xa8\xa1 \xf0\x9f\x98\x80", 100), "d\xc3\xa9j\xc3\xa0 \xe6\xa8\xa1 \xf0\x9f\x98\x80");
  EXPECT_EQ(OneLine("a\xff\xc0\x80z", 100), "a???z");
  EXPECT_EQ(OneLine("\xed\xa0\x80", 100), "???") << "a surrogate";
  EXPECT_EQ(OneLine("cut \xe6\xa8", 100), "cut ??");
  EXPECT_EQ(OneLine("a\xc2\x9b"
                    "31mb\xe2\x80\xaez", 100), "a 31mb z") << "C1 controls and changes of direction";
}

TEST(OneLine, CutsBetweenCharacters) {
  EXPECT_EQ(OneLine("0123456789", 10), "0123456789");
  EXPECT_EQ(OneLine("0123456789a", 10), "0123456...");
  EXPECT_EQ(OneLine("012345\xc3\xa9\xc3\xa9\xc3\xa9", 10), "012345...");
  EXPECT_EQ(OneLine("abcdef", 2), "..");
}

TEST(Scrub, RemovesEverySecretAndItsBeginning) {
  const std::string key = "sk-proj-0123456789abcdef";
  EXPECT_EQ(Scrub("bad key " + key + ", key " + key + "!", {key}), "bad key [secret], key [secret]!");
  EXPECT_EQ(Scrub("bad key sk-proj-01234567...", {key}), "bad key [secret]...");
  EXPECT_EQ(Scrub("sk-proj- keys begin like this", {key}), "sk-proj- keys begin like this");
  EXPECT_EQ(Scrub("one two1 two1two2", {"one1", "two1"}), "one [secret] [secret]two2");
  EXPECT_EQ(Scrub("a banana", {"", "a"}), "a banana");
}

}  // namespace
}  // namespace ose
