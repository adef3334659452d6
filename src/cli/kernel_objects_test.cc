#include "cli/kernel_objects.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <optional>

namespace ose {
namespace {

bool HasAFolder(const std::string& dir, const std::string& prefix) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir))
    if (entry.path().filename().string().starts_with(prefix)) return true;
  return false;
}

// Its gate is killed, not asked to end, so its files must be in a folder of ours.
TEST(ObjectBuilder, LeavesNoTemporaryFiles) {
  auto dir = TempDir::Make("objects");
  ASSERT_TRUE(dir.ok());
  const char* const before = getenv("TMPDIR");
  const std::optional<std::string> kept = before ? std::optional<std::string>(before) : std::nullopt;
  ASSERT_EQ(setenv("TMPDIR", dir->path().c_str(), 1), 0);
  Context context;
  context.root = OSE_SOURCE_DIR;
  context.programs = OSE_BINARY_DIR "/bin";
  {
    auto builder = ObjectBuilder::Create(context);
    ASSERT_TRUE(builder.ok()) << builder.error().message;
    auto policy = ReadFile(OSE_SOURCE_DIR "/policies/fifo.cc");
    ASSERT_TRUE(policy.ok());
    auto object = (*builder)->Build({.name = "fifo", .path = "", .source = *policy});
    ASSERT_TRUE(object.ok()) << object.error().message;
    EXPECT_TRUE(HasAFolder(dir->path(), "osevolve-ast-"));  // the gate's, while it runs
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir->path()));
  if (kept) setenv("TMPDIR", kept->c_str(), 1);
  else unsetenv("TMPDIR");
}

}  // namespace
}  // namespace ose
