#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "base/file.h"
#include "llm/providers.h"

namespace ose {
namespace {

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
  for (int i = 0; i < 8; ++i)
    EXPECT_EQ(replies[static_cast<size_t>(i)].text, "to rules\n\nnumber " + std::to_string(i) + "\n");
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

TEST_F(MailboxTest, NumbersGoOnAfterAnyFileOfANumber) {
  auto model = MakeMailboxModel(Spec(box_, Nanos::Millis(1)));
  ASSERT_TRUE(model.ok());
  ASSERT_TRUE(WriteFileAtomic(box_ + "/0007.notes.txt", "mine").ok());
  ASSERT_TRUE(WriteFileAtomic(box_ + "/notes.0099.md", "not a number").ok());
  (*model)->Complete(Ask(), nullptr);
  EXPECT_TRUE(FileExists(box_ + "/0008.prompt.expired.md"));
  ASSERT_TRUE(WriteFileAtomic(box_ + "/9999.refused.md", "old").ok());
  (*model)->Complete(Ask(), nullptr);
  EXPECT_TRUE(FileExists(box_ + "/10000.prompt.expired.md"));
}

TEST_F(MailboxTest, ModelsThatShareAFolderNeverShareANumber) {
  std::vector<std::thread> calls;
  for (int i = 0; i < 8; ++i)
    calls.emplace_back([&, i] {
      auto model = MakeMailboxModel(Spec(box_, Nanos::Millis(1)));
      ASSERT_TRUE(model.ok());
      ChatRequest q = Ask();
      q.user = std::to_string(i);
      EXPECT_EQ((*model)->Complete(q, nullptr).failure, CallFailure::kTimeout);
    });
  for (std::thread& t : calls) t.join();
  std::set<std::string> prompts;
  const auto expired = ListFiles(box_, ".prompt.expired.md");
  ASSERT_TRUE(expired.ok());
  for (const std::string& f : *expired) prompts.insert(*ReadFile(box_ + "/" + f));
  EXPECT_EQ(prompts.size(), 8u);
  EXPECT_EQ(ListFiles(box_, "")->size(), 8u);  // and nothing half written stays
}

TEST_F(MailboxTest, CancelWhileWaitingExpiresThePrompt) {
  auto model = MakeMailboxModel(Spec(box_));
  ASSERT_TRUE(model.ok());
  std::atomic<bool> cancel{false};
  std::thread canceller([&] {
    while (!FileExists(box_ + "/0001.prompt.md")) std::this_thread::yield();
    cancel = true;
  });
  ChatReply r = (*model)->Complete(Ask(), &cancel);
  canceller.join();
  EXPECT_EQ(r.failure, CallFailure::kCancelled);
  EXPECT_EQ(r.attempts, 1);
  EXPECT_FALSE(r.usage.reported);
  EXPECT_FALSE(FileExists(box_ + "/0001.prompt.md"));
  EXPECT_EQ(*ReadFile(box_ + "/0001.prompt.expired.md"), "rules\n\nquestion\n");
}

TEST_F(MailboxTest, RepliesThatAreHugeOrNotText) {
  auto model = MakeMailboxModel(Spec(box_));
  ASSERT_TRUE(model.ok());
  auto ask = [&](const std::string& number, const std::string& answer) {
    std::thread answers([&] {
      while (!FileExists(box_ + "/" + number + ".prompt.md")) std::this_thread::yield();
      EXPECT_TRUE(WriteFileAtomic(box_ + "/" + number + ".reply.md", answer).ok());
    });
    ChatRequest q = Ask();
    q.max_reply_bytes = 10;
    ChatReply r = (*model)->Complete(q, nullptr);
    answers.join();
    return r;
  };
  EXPECT_EQ(ask("0001", "1234567890").text, "1234567890");
  EXPECT_EQ(ask("0002", "12345678901").failure, CallFailure::kTooLarge);
  EXPECT_EQ(ask("0003", "a\xff" "b").text, "a\xef\xbf\xbd" "b");
  EXPECT_EQ(ask("0004", " \n").failure, CallFailure::kEmpty);
}

TEST_F(MailboxTest, AFolderThatCannotBeMadeIsNamed) {
  ASSERT_TRUE(WriteFileAtomic(dir_->path() + "/file", "x").ok());
  auto model = MakeMailboxModel(Spec(dir_->path() + "/file/box"));
  ASSERT_FALSE(model.ok());
  EXPECT_NE(model.error().message.find("/file/box"), std::string::npos);
}

}  // namespace
}  // namespace ose
