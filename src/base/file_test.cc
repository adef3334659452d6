#include "base/file.h"

#include <gtest/gtest.h>

namespace ose {
namespace {

TEST(ReadFile, ReadsWhatSaysThatItIsEmpty) {
  auto text = ReadFile("/proc/sys/kernel/pid_max");
  ASSERT_TRUE(text.ok());
  EXPECT_GT(atoi(text->c_str()), 0);
}

TEST(ReadFile, KeepsToItsLimit) {
  auto dir = TempDir::Make("file-test");
  ASSERT_TRUE(dir.ok());
  const std::string path = JoinPath(dir->path(), "x"), content(10000, 'x');
  ASSERT_TRUE(WriteFileAtomic(path, content).ok());
  EXPECT_EQ(*ReadFile(path, 10000), content);
  EXPECT_FALSE(ReadFile(path, 9999).ok());
  EXPECT_FALSE(ReadFile("/proc/cpuinfo", 10).ok());
  ASSERT_TRUE(WriteFileAtomic(path, "").ok());
  EXPECT_EQ(*ReadFile(path, 0), "");
  EXPECT_FALSE(ReadFile(dir->path()).ok());
  EXPECT_FALSE(ReadFile("/dev/zero").ok());
}

}  // namespace
}  // namespace ose
