// Models on this machine: a command, a mailbox.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/file.h"
#include "llm/providers.h"

namespace ose {
namespace {

using testing::HasSubstr;

ModelSpec Spec(const std::string& what, Nanos timeout = Nanos::Seconds(20)) {
  ModelSpec s;
  s.model = what;
  s.timeout = timeout;
  return s;
}
ChatRequest Ask() {
  ChatRequest q;
  q.system = "rules\n";
  q.user = "question\n";
  return q;
}

TEST(CommandModel, PromptInReplyOut) {
  ChatReply r = MakeCommandModel(Spec("tr a-z A-Z"))->Complete(Ask(), nullptr);
  EXPECT_TRUE(r.ok()) << r.reason;
  EXPECT_EQ(r.text, "RULES\n\nQUESTION\n");
  EXPECT_EQ(r.attempts, 1);
  EXPECT_FALSE(r.usage.reported);
}

TEST(CommandModel, FailuresAreNamed) {
  ChatReply r = MakeCommandModel(Spec("echo 'no quota' >&2; exit 3"))->Complete(Ask(), nullptr);
  EXPECT_EQ(r.failure, CallFailure::kProgram);
  EXPECT_THAT(r.reason, HasSubstr("exit code 3: no quota"));
  EXPECT_EQ(MakeCommandModel(Spec("true"))->Complete(Ask(), nullptr).failure, CallFailure::kEmpty);
  EXPECT_EQ(MakeCommandModel(Spec("sleep 60", Nanos::Millis(100)))->Complete(Ask(), nullptr).failure, CallFailure::kTimeout);
  ChatRequest q = Ask();
  q.max_reply_bytes = 10;
  EXPECT_EQ(MakeCommandModel(Spec("yes | head -c 1000"))->Complete(q, nullptr).failure, CallFailure::kTooLarge);
  EXPECT_EQ(MakeCommandModel(Spec("printf 'a\\377b'"))->Complete(Ask(), nullptr).text, "a\xef\xbf\xbd" "b");
  std::atomic<bool> cancel{true};
  EXPECT_EQ(MakeCommandModel(Spec("sleep 60"))->Complete(Ask(), &cancel).failure, CallFailure::kCancelled);
}

class MailboxTest : public testing::Test {
 protected:
  void SetUp() override {
    auto d = TempDir::Make("mailbox");
    ASSERT_TRUE(d.ok());
    dir_.emplace(std::move(*d));
    box_ = dir_->path() + "/box";
  }
  std::optional<TempDir> dir_;
  std::string box_;
};

TEST_F(MailboxTest, SeveralAtOnceEachWithItsOwnAnswer) {
  auto model = MakeMailboxModel(Spec(box_));
  ASSERT_TRUE(model.ok()) << model.error().message;
  std::atomic<bool> stop{false};
  std::thread answers([&] {
    while (!stop) {
      const auto files = ListFiles(box_, ".prompt.md");
      for (const std::string& f : *files) {
        const std::string base = box_ + "/" + f.substr(0, f.find('.'));
        if (FileExists(base + ".reply.md")) continue;
        auto prompt = ReadFile(base + ".prompt.md");
        if (prompt.ok()) ASSERT_TRUE(WriteFileAtomic(base + ".reply.md", "to " + *prompt).ok());
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  });
  std::vector<std::thread> calls;
  std::vector<ChatReply> replies(8);
  for (int i = 0; i < 8; ++i)
    calls.emplace_back([&, i] {
      ChatRequest q = Ask();
      q.user = "number " + std::to_string(i) + "\n";
      replies[static_cast<size_t>(i)] = (*model)->Complete(q, nullptr);
    });
  for (std::thread& t : calls) t.join();
  stop = true;
  answers.join();
  for (int i = 0; i < 8; ++i) EXPECT_EQ(replies[static_cast<size_t>(i)].text, "to rules\n\nnumber " + std::to_string(i) + "\n");
  EXPECT_EQ(ListFiles(box_, ".reply.md")->size(), 8u);  // the transcript stays
  EXPECT_TRUE(FileExists(box_ + "/0008.prompt.md"));
}

TEST_F(MailboxTest, WhatNobodyWaitsForExpires) {
  auto model = MakeMailboxModel(Spec(box_, Nanos::Millis(100)));
  ASSERT_TRUE(model.ok());
  EXPECT_EQ((*model)->Complete(Ask(), nullptr).failure, CallFailure::kTimeout);
  EXPECT_TRUE(FileExists(box_ + "/0001.prompt.expired.md"));
  std::atomic<bool> cancel{true};
  EXPECT_EQ((*model)->Complete(Ask(), &cancel).failure, CallFailure::kCancelled);
  EXPECT_TRUE(FileExists(box_ + "/0002.prompt.expired.md"));
}

TEST_F(MailboxTest, NumbersGoOnAndRefusalsHaveAReason) {
  auto model = MakeMailboxModel(Spec(box_));
  ASSERT_TRUE(model.ok());
  ASSERT_TRUE(WriteFileAtomic(box_ + "/0041.reply.md", "old").ok());
  std::thread refuses([&] {
    while (!FileExists(box_ + "/0042.prompt.md")) std::this_thread::yield();
    EXPECT_TRUE(WriteFileAtomic(box_ + "/0042.refused.md", "not today\nmore").ok());
  });
  ChatReply r = (*model)->Complete(Ask(), nullptr);
  refuses.join();
  EXPECT_EQ(r.failure, CallFailure::kFiltered);
  EXPECT_EQ(r.reason, "refused: not today");
}

}  // namespace
}  // namespace ose
