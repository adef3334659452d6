#include "llm/scrub.h"

#include <gtest/gtest.h>

namespace ose {
namespace {

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
