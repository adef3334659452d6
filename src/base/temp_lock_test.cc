#include "base/temp_lock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

namespace ose {
namespace {

void MakeOld(const std::string& path) {
  timespec times[2] = {{time(nullptr) - 3600, 0}, {time(nullptr) - 3600, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
}

class TempLockTest : public testing::Test {
 protected:
  void SetUp() override {
    auto home = TempDir::Make("temp-lock");
    ASSERT_TRUE(home.ok());
    home_ = std::make_unique<TempDir>(std::move(*home));
    const char* old = getenv("TMPDIR");
    old_ = old ? old : "";
    setenv("TMPDIR", home_->path().c_str(), 1);
  }
  void TearDown() override {
    if (old_.empty()) unsetenv("TMPDIR");
    else setenv("TMPDIR", old_.c_str(), 1);
  }
  // A folder whose owner was killed; returns its path.
  std::string Orphan(bool hold_on = false, pid_t* owner = nullptr) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    const pid_t pid = fork();
    if (pid == 0) {
      auto dir = TempDir::Make("ose-x");
      Fd held = HoldTempDir(*dir, "ose-x");
      const std::string path = dir->path();
      if (write(ends[1], path.c_str(), path.size() + 1) < 0) _exit(1);
      for (;;) pause();
    }
    char path[4096] = {};
    EXPECT_GT(read(ends[0], path, sizeof path - 1), 0);
    close(ends[0]);
    close(ends[1]);
    if (hold_on) {
      *owner = pid;
    } else {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
    MakeOld(path);
    return path;
  }
  static bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

  std::unique_ptr<TempDir> home_;
  std::string old_;
};

TEST_F(TempLockTest, WhatAKilledProcessLeftIsRemovedByTheNext) {
  const std::string orphan = Orphan();
  ASSERT_TRUE(WriteFileAtomic(orphan + "/p0.so", "x").ok());
  MakeOld(orphan);
  auto dir = TempDir::Make("ose-x");
  Fd held = HoldTempDir(*dir, "ose-x");
  EXPECT_TRUE(held);
  EXPECT_FALSE(Exists(orphan));
  EXPECT_TRUE(Exists(dir->path()));
}

TEST_F(TempLockTest, NothingElseIs) {
  pid_t owner = 0;
  const std::string used = Orphan(true, &owner);
  const std::string young = home_->path() + "/ose-x.young1", other = home_->path() + "/ose-xy.other1", file = home_->path() + "/ose-x.file01";
  ASSERT_TRUE(MakeDirs(young).ok() && MakeDirs(other).ok() && WriteFileAtomic(file, "x").ok());
  MakeOld(other);
  MakeOld(file);
  const std::string target = home_->path() + "/target", link = home_->path() + "/ose-x.link01";
  ASSERT_TRUE(MakeDirs(target).ok());
  MakeOld(target);
  ASSERT_EQ(symlink(target.c_str(), link.c_str()), 0);
  {
    auto dir = TempDir::Make("ose-x");
    Fd held = HoldTempDir(*dir, "ose-x");
  }
  for (const std::string& path : {used, young, other, file, target, link}) EXPECT_TRUE(Exists(path)) << path;
  kill(owner, SIGKILL);
  waitpid(owner, nullptr, 0);
}

}  // namespace
}  // namespace ose
