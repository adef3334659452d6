#include "llm/mailbox_reply.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <optional>

#include "base/file.h"

namespace ose {
namespace {

class MailboxReplyTest : public testing::Test {
 protected:
  void SetUp() override {
    auto d = TempDir::Make("reply");
    ASSERT_TRUE(d.ok());
    dir_.emplace(std::move(*d));
    path_ = dir_->path() + "/0001.reply.md";
  }
  ChatReply Read(uint64_t max_bytes = 100) {
    ChatReply reply;
    ReadMailboxReply(path_, max_bytes, &reply);
    if (!reply.ok()) {
      EXPECT_NE(reply.reason.find(path_), std::string::npos) << reply.reason;
    }
    return reply;
  }
  ChatReply Of(const std::string& bytes, uint64_t max_bytes = 100) {
    EXPECT_TRUE(WriteFileAtomic(path_, bytes).ok());
    return Read(max_bytes);
  }
  std::optional<TempDir> dir_;
  std::string path_;
};

TEST_F(MailboxReplyTest, TextStaysAsItIs) {
  const std::string text("a\r\nb\0c \xc3\xa9\n", 10);
  const ChatReply reply = Of(text);
  EXPECT_TRUE(reply.ok()) << reply.reason;
  EXPECT_EQ(reply.text, text);
  EXPECT_TRUE(Of(std::string(100, 'x')).ok());
}

TEST_F(MailboxReplyTest, WhatIsNoUtf8IsReplaced) { EXPECT_EQ(Of("caf\xe9!").text, "caf\xef\xbf\xbd!"); }

TEST_F(MailboxReplyTest, EachFailureHasItsName) {
  EXPECT_EQ(Read().failure, CallFailure::kProgram);
  EXPECT_EQ(Of("").failure, CallFailure::kEmpty);
  EXPECT_EQ(Of(" \r\n\t\n").failure, CallFailure::kEmpty);
  EXPECT_EQ(Of(std::string(101, 'x')).failure, CallFailure::kTooLarge);
  EXPECT_EQ(Of(std::string(101, 'x'), 101).failure, CallFailure::kNone);
}

TEST_F(MailboxReplyTest, NeitherAFolderNorAPipeIsRead) {
  ASSERT_TRUE(MakeDirs(path_).ok());
  EXPECT_EQ(Read(0).failure, CallFailure::kProgram);
  path_ += ".pipe";
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(Read().failure, CallFailure::kProgram);  // and it returns
}

}  // namespace
}  // namespace ose
