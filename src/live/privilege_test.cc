#include "live/privilege.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "core/exit_code.h"

namespace ose {
namespace {

class PrivateFile : public testing::Test {
 protected:
  void SetUp() override {
    auto dir = TempDir::Make("private");
    ASSERT_TRUE(dir.ok());
    dir_ = std::make_unique<TempDir>(std::move(*dir));
    folder_ = dir_->path() + "/a";
    file_ = folder_ + "/p.bpf.o";
    ASSERT_TRUE(MakeDirs(folder_).ok());
    ASSERT_TRUE(WriteFileAtomic(file_, "object").ok());
    ASSERT_EQ(chmod(folder_.c_str(), 0755), 0);
    ASSERT_EQ(chmod(file_.c_str(), 0644), 0);
  }
  void Refused(const std::string& path, int code, const std::string& text) {
    const Status s = CheckPrivateFile(path);
    ASSERT_FALSE(s.ok()) << path;
    EXPECT_EQ(s.error().code, code);
    EXPECT_NE(s.error().message.find(text), std::string::npos) << s.error().message;
  }
  std::unique_ptr<TempDir> dir_;
  std::string folder_, file_;
};

TEST_F(PrivateFile, OursIsTaken) {
  Status s = CheckPrivateFile(file_);
  EXPECT_TRUE(s.ok()) << s.error().message;
}

TEST_F(PrivateFile, WhatOthersMayWriteIsRefused) {
  for (mode_t mode : {0664, 0646, 0666}) {
    chmod(file_.c_str(), mode);
    Refused(file_, kExitUsage, "written to by others");
  }
}

TEST_F(PrivateFile, AFolderInWhichOthersMayReplaceItIsRefused) {
  for (mode_t mode : {0775, 0757}) {
    chmod(folder_.c_str(), mode);
    Refused(file_, kExitUsage, "the folder");
  }
  chmod(folder_.c_str(), 01777);  // as /tmp: only its owner may replace it
  EXPECT_TRUE(CheckPrivateFile(file_).ok());
  chmod(folder_.c_str(), 0755);
  chmod(dir_->path().c_str(), 0777);  // also further up
  Refused(file_, kExitUsage, "the folder");
}

TEST_F(PrivateFile, ASymbolicLinkIsJudgedByWhatItNames) {
  const std::string link = dir_->path() + "/link";
  ASSERT_EQ(symlink(file_.c_str(), link.c_str()), 0);
  EXPECT_TRUE(CheckPrivateFile(link).ok());
  chmod(folder_.c_str(), 0777);
  Refused(link, kExitUsage, "the folder");
}

TEST_F(PrivateFile, OthersFilesAreRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "for root";
  unsetenv("SUDO_UID");
  ASSERT_EQ(chown(file_.c_str(), 65534, 65534), 0);
  Refused(file_, kExitUsage, "another user");
  ASSERT_EQ(chown(file_.c_str(), 0, 0), 0);
  ASSERT_EQ(chown(folder_.c_str(), 65534, 65534), 0);
  Refused(file_, kExitUsage, "another user");
}

TEST_F(PrivateFile, WhatIsNoFile) {
  Refused(folder_, kExitUsage, "no regular file");
  Refused(folder_ + "/none", kExitNotFound, "none");
  Refused("/dev/zero", kExitUsage, "no regular file");
}

}  // namespace
}  // namespace ose
