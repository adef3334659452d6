#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cerrno>
#include <string>
#include <thread>

#include "base/file.h"
#include "llm/providers.h"

namespace ose {
namespace {

using testing::HasSubstr;


ChatRequest Ask() {
  ChatRequest q;
  q.system = "rules\n";
  q.user = "question\n";
  return q;
}

ChatReply Answer(const std::string& command, const ChatRequest& request = Ask(), Nanos timeout = Nanos::Seconds(60)) {
  ModelSpec s;
  s.model = command;
  s.timeout = timeout;
  return MakeCommandModel(s)->Complete(request, nullptr);
}

TEST(CommandModel, PromptInReplyOut) {
  ChatReply r = Answer("tr a-z A-Z");
  EXPECT_TRUE(r.ok()) << r.reason;
  EXPECT_EQ(r.text, "RULES\n\nQUESTION\n");
  EXPECT_EQ(r.attempts, 1);
  EXPECT_FALSE(r.usage.reported);
  EXPECT_GT(r.took, Nanos{0});
}

TEST(CommandModel, OneBlankLineWhateverTheSystemPartEndsWith) {
  ChatRequest q = Ask();
  q.system = "rules";
  EXPECT_EQ(Answer("cat", q).text, "rules\n\nquestion\n");
  q.system = "";
  EXPECT_EQ(Answer("cat", q).text, "question\n");
}

TEST(CommandModel, AProgramThatDoesNotReadItsPromptMayAnswer) {
  ChatRequest q = Ask();
  q.user = std::string(1 << 20, 'x');
  ChatReply r = Answer("echo yes", q);
  EXPECT_TRUE(r.ok()) << r.reason;
  EXPECT_EQ(r.text, "yes\n");
}

TEST(CommandModel, TheReasonIsTheFirstLineOfStderr) {
  ChatReply r = Answer("echo >&2; echo 'no quota' >&2; echo details >&2; exit 3");
  EXPECT_EQ(r.failure, CallFailure::kProgram);
  EXPECT_EQ(r.reason, "command: exit code 3: no quota");
  EXPECT_EQ(Answer("exit 4").reason, "command: exit code 4");
  EXPECT_THAT(Answer("kill -9 $$").reason, HasSubstr("signal 9"));
}

TEST(CommandModel, FailuresAreNamed) {
  EXPECT_EQ(Answer("true").failure, CallFailure::kEmpty);
  EXPECT_EQ(Answer("echo").failure, CallFailure::kEmpty);
  EXPECT_EQ(Answer("sleep 600", Ask(), Nanos::Millis(100)).failure, CallFailure::kTimeout);
}

TEST(CommandModel, TooLargeAlsoWhenItNeverEnds) {
  ChatRequest q = Ask();
  q.max_reply_bytes = 10;
  EXPECT_EQ(Answer("printf 1234567890", q).text, "1234567890");
  EXPECT_EQ(Answer("printf 12345678901", q).failure, CallFailure::kTooLarge);
  EXPECT_EQ(Answer("printf 12345678901; exec sleep 600", q, Nanos::Seconds(2)).failure, CallFailure::kTooLarge);
}

TEST(CommandModel, InvalidUtf8IsReplaced) { EXPECT_EQ(Answer("printf 'a\\377b'").text, "a\xef\xbf\xbd" "b"); }

TEST(CommandModel, NothingIsStartedForACancelledSearch) {
  auto dir = TempDir::Make("command");
  ASSERT_TRUE(dir.ok());
  std::atomic<bool> cancel{true};
  ModelSpec s;
  s.model = "touch " + dir->path() + "/started";
  ChatReply r = MakeCommandModel(s)->Complete(Ask(), &cancel);
  EXPECT_EQ(r.failure, CallFailure::kCancelled);
  EXPECT_EQ(r.attempts, 0);
  EXPECT_FALSE(FileExists(dir->path() + "/started"));
}

// A killed process that init has not reaped yet is still known to kill(2), but does nothing any more.
bool Runs(pid_t pid) {
  if (kill(pid, 0) != 0) return false;
  FILE* f = fopen(("/proc/" + std::to_string(pid) + "/stat").c_str(), "r");
  char state = 'X';
  if (f) {
    if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1) state = 'X';
    fclose(f);
  }
  return state != 'Z' && state != 'X';
}

TEST(CommandModel, CancellationLeavesNoProcess) {
  auto dir = TempDir::Make("command");
  ASSERT_TRUE(dir.ok());
  const std::string pids = dir->path() + "/pids";
  ModelSpec s;
  // A grandchild in the background, too; the file appears whole, once both run.
  s.model = "sleep 600 & echo $$ $! >" + pids + ".new; mv " + pids + ".new " + pids + "; wait";
  std::atomic<bool> cancel{false};
  std::thread canceller([&] {
    while (!FileExists(pids)) std::this_thread::yield();
    cancel = true;
  });
  ChatReply r = MakeCommandModel(s)->Complete(Ask(), &cancel);
  canceller.join();
  EXPECT_EQ(r.failure, CallFailure::kCancelled);
  EXPECT_EQ(r.attempts, 1);
  auto text = ReadFile(pids);
  ASSERT_TRUE(text.ok());
  long shell = 0, child = 0;
  ASSERT_EQ(sscanf(text->c_str(), "%ld %ld", &shell, &child), 2);
  EXPECT_FALSE(Runs(static_cast<pid_t>(shell)));
  // SIGKILL is sent when the call returns; the grandchild dies on its own schedule, never of old age.
  while (Runs(static_cast<pid_t>(child))) std::this_thread::yield();
}

}  // namespace
}  // namespace ose
