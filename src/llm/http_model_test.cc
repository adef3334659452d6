#include "llm/http_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <thread>

#include "support/scripted_server.h"

namespace ose {
namespace {

using End = ScriptedReply::End;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr char kKey[] = "sk-test-0123456789abcdef";

// A wire in lines: "+TEXT" adds text, "=N" uses N output tokens, "!FAILURE" fails, "." ends.
class LineDecoder : public ReplyDecoder {
 public:
  void Feed(std::string_view bytes) override {
    for (char c : bytes) {
      if (c != '\n') {
        line_ += c;
        continue;
      }
      if (line_ == ".") ended_ = true;
      else if (line_.starts_with("+")) reply_.text += line_.substr(1);
      else if (line_.starts_with("=")) reply_.usage = {.input = 10, .output = std::stoi(line_.substr(1)), .reported = true};
      else if (line_.starts_with("!")) reply_.failure = static_cast<CallFailure>(std::stoi(line_.substr(1))), reply_.reason = "overloaded " + std::string(kKey);
      else malformed_ = true;
      line_.clear();
    }
  }
  ChatReply Finish(bool complete) override {
    if (!reply_.ok()) return reply_;
    if (malformed_) reply_.failure = CallFailure::kMalformed, reply_.reason = "no line protocol";
    else if (!complete && !ended_) reply_.failure = CallFailure::kBroken, reply_.reason = "no end";
    else if (reply_.text.empty()) reply_.failure = CallFailure::kEmpty, reply_.reason = "no text";
    return reply_;
  }
  uint64_t text_bytes() const override { return reply_.text.size(); }

 private:
  std::string line_;
  ChatReply reply_;
  bool ended_ = false, malformed_ = false;
};

class LineWire : public Wire {
 public:
  HttpRequest Encode(const Endpoint& endpoint, const ChatRequest& request) const override {
    HttpRequest http;
    http.url = endpoint.base_url + "/chat";
    http.headers = {{"X-Key", endpoint.key}};
    http.body = request.user;
    return http;
  }
  std::unique_ptr<ReplyDecoder> NewDecoder() const override { return std::make_unique<LineDecoder>(); }
  // "message: TEXT", shortened as real wires may; "model" means that it is unknown.
  ErrorBody ReadError(int, std::string_view body) const override {
    if (!body.starts_with("message: ")) return {};
    return {std::string(body.substr(9, 100)), body.find("quota") != body.npos ? CallFailure::kRefused : CallFailure::kNone};
  }
};

ScriptedReply Good(int tokens = 5) { return {.pieces = {"+hel", "lo\n=" + std::to_string(tokens) + "\n", ".\n"}}; }
ScriptedReply Status(int status, ScriptedHeaders headers = {}, std::string body = "message: please\n wait") {
  return {.status = status, .headers = std::move(headers), .pieces = {std::move(body)}};
}

class HttpModelTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"}) unsetenv(name);
    options_.name = "test:m1";
    options_.endpoint.base_url = server_.url();
    options_.endpoint.key = kKey;
    request_.user = "question";
    options_.sleep = [this](Nanos duration, const std::atomic<bool>* cancel) {
      sleeps_.push_back(duration);
      if (on_sleep_) on_sleep_();
      return !(cancel && *cancel);
    };
  }
  ChatReply Complete(const std::atomic<bool>* cancel = nullptr) {
    ChatReply reply = MakeHttpModel(options_, std::make_shared<LineWire>(), MakeCurlHttp(), limiter_)->Complete(request_, cancel);
    EXPECT_THAT(reply.reason, Not(HasSubstr("0123456789abc")));
    EXPECT_LE(reply.reason.size(), 300u);
    EXPECT_EQ(reply.ok(), reply.reason.empty());
    if (!reply.ok()) EXPECT_THAT(reply.reason, testing::StartsWith("test:m1: "));
    for (unsigned char c : reply.reason) EXPECT_GE(c, 0x20);
    return reply;
  }
  // The only attempt of a call ends so.
  ChatReply Once(ScriptedReply reply) {
    options_.retry.max_attempts = 1;
    server_.Script("/chat", {std::move(reply)});
    return Complete();
  }

  ScriptedServer server_;
  HttpModelOptions options_;
  ChatRequest request_;
  std::shared_ptr<RateLimiter> limiter_;
  std::vector<Nanos> sleeps_;
  std::function<void()> on_sleep_;
};

TEST_F(HttpModelTest, Answers) {
  server_.Script("/chat", {Good()});
  const ChatReply reply = Complete();
  EXPECT_TRUE(reply.ok()) << reply.reason;
  EXPECT_EQ(reply.text, "hello");
  EXPECT_EQ(reply.attempts, 1);
  EXPECT_EQ(reply.usage.output, 5);
  EXPECT_TRUE(reply.usage.reported);
  EXPECT_GT(reply.took.v, 0);
  EXPECT_EQ(server_.requests().at(0).body, "question");
  EXPECT_EQ(server_.requests().at(0).Header("x-key"), kKey);
}

TEST_F(HttpModelTest, BacksOffExponentiallyWithJitter) {
  options_.retry = {.max_attempts = 6, .backoff = Nanos::Seconds(1), .max_backoff = Nanos::Seconds(6)};
  server_.Script("/chat", {Status(500), Status(503), Status(529), Status(408), Status(409), Good()});
  EXPECT_TRUE(Complete().ok());
  ASSERT_EQ(sleeps_.size(), 5u);
  const int most[] = {1, 2, 4, 6, 6};
  for (int i = 0; i < 5; ++i) {
    EXPECT_LE(sleeps_[i], Nanos::Seconds(most[i])) << i;
    EXPECT_GE(sleeps_[i], Nanos::Millis(most[i] * 500)) << i;
  }
  EXPECT_NE(sleeps_[4], sleeps_[3]) << "no jitter";

  // The same seed repeats them.
  const auto first = std::exchange(sleeps_, {});
  server_.Script("/chat", {Status(500), Status(503), Status(529), Status(408), Status(409), Good()});
  EXPECT_TRUE(Complete().ok());
  EXPECT_EQ(sleeps_, first);
}

TEST_F(HttpModelTest, RetryAfterIsALowerLimit) {
  options_.retry.max_attempts = 9;
  server_.Script("/chat", {Status(429, {{"Retry-After", "7"}}), Status(503, {{"retry-after-ms", "2500.5"}, {"Retry-After", "9"}}),
                           Status(429, {{"Date", "Sun, 06 Nov 1994 08:49:37 GMT"}, {"Retry-After", "Sun, 06 Nov 1994 08:50:37 GMT"}}),
                           Status(429, {{"Retry-After", "Sun, 06 Nov 1994 08:50:37 GMT"}}),  // long ago by our clock
                           Status(429, {{"Retry-After", "0"}}), Status(429, {{"Retry-After", "soon"}}), Good()});
  EXPECT_TRUE(Complete().ok());
  ASSERT_EQ(sleeps_.size(), 6u);
  EXPECT_EQ(sleeps_[0], Nanos::Seconds(7));
  EXPECT_EQ(sleeps_[1], Nanos::Micros(2'500'500));
  EXPECT_EQ(sleeps_[2], Nanos::Seconds(60));
  EXPECT_GE(sleeps_[3], Nanos::Seconds(4)) << "the backoff stays";
  EXPECT_LE(sleeps_[3], Nanos::Seconds(8));
  EXPECT_GE(sleeps_[4], Nanos::Seconds(8));
  EXPECT_GE(sleeps_[5], Nanos::Seconds(16));
}

TEST_F(HttpModelTest, ALongRetryAfterEndsTheCall) {
  for (int status : {429, 503}) {
    server_.Script("/chat", {Status(status, {{"Retry-After", "86400"}}), Good()});
    const ChatReply reply = Complete();
    EXPECT_EQ(reply.failure, CallFailure::kRateLimited);
    EXPECT_EQ(reply.attempts, 1);
    EXPECT_THAT(reply.reason, HasSubstr("86400 s"));
    EXPECT_TRUE(sleeps_.empty());
  }
}

TEST_F(HttpModelTest, GivesUp) {
  options_.retry.max_attempts = 3;
  server_.Script("/chat", {Status(429), Status(429), Status(429), Good()});
  const ChatReply reply = Complete();
  EXPECT_EQ(reply.failure, CallFailure::kRateLimited);
  EXPECT_EQ(reply.reason, "test:m1: status 429: please wait (after 3 attempts)");
  EXPECT_EQ(reply.attempts, 3);
  EXPECT_TRUE(reply.usage.reported) << "being turned away is free, for certain";
  EXPECT_EQ(reply.usage.output, 0);
}

TEST_F(HttpModelTest, AsksBeforeEachFurtherAttempt) {
  std::vector<int64_t> asked;
  request_.may_retry = [&](const Usage& so_far) {
    asked.push_back(so_far.output);
    return asked.size() < 2;
  };
  server_.Script("/chat", {{.pieces = {"=3\n"}, .end = End::kCut}, Status(500), Good()});
  const ChatReply reply = Complete();
  EXPECT_EQ(reply.failure, CallFailure::kServer);
  EXPECT_EQ(reply.attempts, 2);
  EXPECT_THAT(asked, ElementsAre(3, 3));
  EXPECT_EQ(sleeps_.size(), 1u);
  EXPECT_EQ(reply.usage.output, 3);
}

TEST_F(HttpModelTest, FinalStatuses) {
  const std::pair<int, CallFailure> cases[] = {{400, CallFailure::kRefused}, {401, CallFailure::kAuth}, {403, CallFailure::kAuth},
                                               {404, CallFailure::kUnknownModel}, {413, CallFailure::kRefused}, {422, CallFailure::kRefused},
                                               {307, CallFailure::kRefused}, {407, CallFailure::kRefused}};
  for (const auto& [status, failure] : cases) {
    server_.Script("/chat", {Status(status), Good()});
    const ChatReply reply = Complete();
    EXPECT_EQ(reply.failure, failure) << status;
    EXPECT_EQ(reply.attempts, 1) << status;
    EXPECT_THAT(reply.reason, HasSubstr("status " + std::to_string(status)));
  }
  EXPECT_TRUE(sleeps_.empty());
}

TEST_F(HttpModelTest, TheBodyMayMeanMoreThanTheStatus) {
  const ChatReply reply = Once(Status(429, {}, "message: quota exceeded"));
  EXPECT_EQ(reply.failure, CallFailure::kRefused);
  server_.Script("/chat", {Status(429, {}, "message: quota exceeded"), Good()});
  options_.retry.max_attempts = 6;
  EXPECT_EQ(Complete().attempts, 1) << "another attempt cannot help";
}

TEST_F(HttpModelTest, BodyWithoutAMessage) {
  EXPECT_EQ(Once(Status(500, {}, "{broken json")).reason, "test:m1: status 500: server error");
  EXPECT_EQ(Once(Status(401, {}, "")).reason, "test:m1: status 401: not authorised; check the key");
}

TEST_F(HttpModelTest, HtmlOfAProxy) {
  const std::string html = "\n<!DOCTYPE HTML><html><body>no</body></html>";
  ChatReply reply = Once(Status(502, {}, html));
  EXPECT_EQ(reply.failure, CallFailure::kServer);
  EXPECT_EQ(reply.reason, "test:m1: a proxy or gateway answered HTML (status 502)");
  reply = Once(Status(403, {}, html));
  EXPECT_EQ(reply.failure, CallFailure::kMalformed);
  EXPECT_EQ(Once(Status(403, {{"Content-Type", "text/html; charset=utf-8"}}, "no")).failure, CallFailure::kMalformed);
  options_.retry.max_attempts = 6;
  server_.Script("/chat", {Status(200, {}, html + "\n"), Good()});
  reply = Complete();
  EXPECT_EQ(reply.failure, CallFailure::kMalformed);
  EXPECT_EQ(reply.reason, "test:m1: a proxy or gateway answered HTML (status 200)");
  EXPECT_EQ(reply.attempts, 1);
}

TEST_F(HttpModelTest, ScrubsAnEchoedKey) {
  const std::string key = kKey;
  EXPECT_EQ(Once(Status(401, {}, "message: wrong key " + key + "!")).reason, "test:m1: status 401: wrong key [secret]!; check the key");
  // A message that the wire shortens in the middle of the key, or that is too long for a reason.
  EXPECT_EQ(Once(Status(401, {}, "message: " + std::string(90, 'x') + key)).reason,
            "test:m1: status 401: " + std::string(90, 'x') + "[secret]; check the key");
  Once({.pieces = {"!7\n"}});  // the decoder's reason
  options_.endpoint.aws = AwsCredentials{"AKIDEXAMPLE", "aws-secret-key", "session-token", "r", "s"};
  EXPECT_EQ(Once(Status(403, {}, "message: aws-secret-key session-token")).reason, "test:m1: status 403: [secret] [secret]; check the key");
}

TEST_F(HttpModelTest, AKeyWithALineBreakIsNotSent) {
  options_.endpoint.key += "\n";
  const ChatReply reply = Complete();
  EXPECT_EQ(reply.failure, CallFailure::kAuth);
  EXPECT_THAT(reply.reason, HasSubstr("line break"));
  EXPECT_EQ(reply.attempts, 0);
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(HttpModelTest, CutStreamsAreRetriedAndPaidFor) {
  server_.Script("/chat", {{.pieces = {"+half\n=3\n"}, .end = End::kCut}, Good(5)});
  const ChatReply reply = Complete();
  EXPECT_TRUE(reply.ok());
  EXPECT_EQ(reply.text, "hello") << "nothing of the first attempt";
  EXPECT_EQ(reply.attempts, 2);
  EXPECT_EQ(reply.usage.output, 8);
  EXPECT_EQ(reply.usage.input, 20);
  EXPECT_TRUE(reply.usage.reported);
}

TEST_F(HttpModelTest, CutStreamsEndAsBroken) {
  options_.retry.max_attempts = 3;
  const ScriptedReply cut{.pieces = {"+half\n"}, .end = End::kCut}, silent{.end = End::kSilent};
  server_.Script("/chat", {cut, silent, cut, Good()});
  const ChatReply reply = Complete();
  EXPECT_EQ(reply.failure, CallFailure::kBroken);
  EXPECT_THAT(reply.reason, HasSubstr("the response broke off: "));
  EXPECT_EQ(reply.attempts, 3);
  EXPECT_FALSE(reply.usage.reported) << "they may have cost something";
}

TEST_F(HttpModelTest, ACutAfterTheProvidersEndIsNoFailure) {
  server_.Script("/chat", {{.pieces = {"+whole\n=1\n.\n"}, .end = End::kCut}});
  EXPECT_EQ(Complete().text, "whole");
}

TEST_F(HttpModelTest, ErrorsInTheStreamAreRetried) {
  server_.Script("/chat", {{.pieces = {"+x\n!" + std::to_string(static_cast<int>(CallFailure::kServer)) + "\n"}}, Good()});
  EXPECT_EQ(Complete().attempts, 2);
  server_.Script("/chat", {{.pieces = {"!" + std::to_string(static_cast<int>(CallFailure::kFiltered)) + "\n"}}, Good()});
  EXPECT_EQ(Complete().failure, CallFailure::kFiltered);
  server_.Script("/chat", {{.pieces = {".\n"}}, Good()});
  EXPECT_EQ(Complete().failure, CallFailure::kEmpty);
  server_.Script("/chat", {{.pieces = {"{\"broken\n"}}, Good()});
  EXPECT_EQ(Complete().failure, CallFailure::kMalformed);
}

TEST_F(HttpModelTest, StallsTimeOut) {
  options_.idle_timeout = Nanos::Millis(40);
  options_.retry.max_attempts = 2;
  server_.Script("/chat", {{.pieces = {"+some\n"}, .end = End::kStall}, {.end = End::kStallFirst}, Good()});
  const ChatReply reply = Complete();
  EXPECT_EQ(reply.failure, CallFailure::kTimeout);
  EXPECT_EQ(reply.reason, "test:m1: nothing received for 0.04 s (after 2 attempts)");
}

TEST_F(HttpModelTest, NoConnection) {
  {
    ScriptedServer gone;
    options_.endpoint.base_url = gone.url();
  }
  options_.retry.max_attempts = 2;
  const ChatReply reply = Complete();
  EXPECT_EQ(reply.failure, CallFailure::kNetwork);
  EXPECT_EQ(reply.attempts, 2);
  EXPECT_TRUE(reply.usage.reported);
}

TEST_F(HttpModelTest, StopsALongReply) {
  request_.max_reply_bytes = 5000;
  // Without the stop the stall would end as a time-out, if at all.
  server_.Script("/chat", {{.pieces = {"+" + std::string(1000, 'x') + "\n"}, .repeat = 6, .end = End::kStall}, Good()});
  const ChatReply reply = Complete();
  EXPECT_EQ(reply.failure, CallFailure::kTooLarge);
  EXPECT_THAT(reply.reason, HasSubstr("more than 5000 bytes"));
  EXPECT_EQ(reply.text, "");
  EXPECT_EQ(reply.attempts, 1);
  request_.max_reply_bytes = 5;
  server_.Script("/chat", {Good()});
  EXPECT_EQ(Complete().text, "hello") << "as long as allowed";
}

TEST_F(HttpModelTest, CancelDuringAStall) {
  server_.Script("/chat", {{.pieces = {"+some\n=2\n"}, .end = End::kStall}, Good()});
  std::atomic<bool> cancel = false;
  std::thread canceller([&] {
    server_.AwaitStalls(1);
    cancel = true;
  });
  const ChatReply reply = Complete(&cancel);
  canceller.join();
  EXPECT_EQ(reply.failure, CallFailure::kCancelled);
  EXPECT_EQ(reply.attempts, 1);
}

TEST_F(HttpModelTest, CancelDuringABackoffAndBefore) {
  std::atomic<bool> cancel = false;
  on_sleep_ = [&] { cancel = true; };
  server_.Script("/chat", {Status(500), Good()});
  ChatReply reply = Complete(&cancel);
  EXPECT_EQ(reply.failure, CallFailure::kCancelled);
  EXPECT_EQ(reply.attempts, 1);
  reply = Complete(&cancel);
  EXPECT_EQ(reply.failure, CallFailure::kCancelled);
  EXPECT_EQ(reply.attempts, 0);
  EXPECT_EQ(server_.requests().size(), 1u);
}

TEST_F(HttpModelTest, TheRealSleepCanBeCancelled) {
  options_.sleep = nullptr;
  options_.retry.backoff = Nanos::Seconds(3600);
  options_.retry.max_backoff = Nanos::Seconds(3600);
  std::atomic<bool> cancel = false;
  server_.Handle("/chat", [&](const ScriptedRequest&) { return Status(500); });
  std::thread canceller([&] {
    while (server_.requests().empty()) std::this_thread::yield();
    cancel = true;
  });
  EXPECT_EQ(Complete(&cancel).failure, CallFailure::kCancelled);
  canceller.join();
}

TEST_F(HttpModelTest, KeepsToTheLimiterAndFreesItWhileItWaits) {
  limiter_ = std::make_shared<RateLimiter>(1, 0);
  // Another call of this account goes through while this one backs off; were the slot kept, it would hang.
  on_sleep_ = [&] {
    ASSERT_TRUE(limiter_->Acquire(nullptr));
    limiter_->Release();
  };
  server_.Script("/chat", {Status(500), {.end = End::kSilent}, Good()});
  EXPECT_TRUE(Complete().ok());
  ASSERT_TRUE(limiter_->Acquire(nullptr)) << "and afterwards";

  std::atomic<bool> cancel = false;
  std::thread call([&] { EXPECT_EQ(Complete(&cancel).failure, CallFailure::kCancelled); });
  cancel = true;  // the slot is taken: the call ends without a request
  call.join();
  EXPECT_EQ(server_.requests().size(), 3u);
}

TEST_F(HttpModelTest, RetryAfterPausesTheAccount) {
  limiter_ = std::make_shared<RateLimiter>(0, 0);
  Nanos before{0};
  server_.Handle("/chat", [&](const ScriptedRequest&) {
    if (before.v > 0) return Good();
    before = MonotonicNow();
    return Status(429, {{"retry-after-ms", "60"}});
  });
  EXPECT_TRUE(Complete().ok());
  EXPECT_GE(MonotonicNow() - before, Nanos::Millis(60)) << "the injected sleep does not wait, so the limiter did";
}

// Eight threads, at most two requests at a time: the fake counts what is inside.
class CountingHttp : public HttpClient {
 public:
  HttpResponse Post(const HttpRequest&, const std::function<bool(std::string_view)>& on_data, const std::atomic<bool>*) override {
    {
      std::unique_lock lock(mutex_);
      most = std::max(most, ++inside_);
      changed_.notify_all();
      changed_.wait(lock, [&] { return most >= 2; });
    }
    std::this_thread::yield();
    on_data("+x\n.\n");
    std::lock_guard lock(mutex_);
    --inside_;
    HttpResponse response;
    response.status = 200;
    return response;
  }
  int most = 0;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int inside_ = 0;
};

TEST_F(HttpModelTest, ConcurrencyLimitOfAnAccount) {
  auto http = std::make_shared<CountingHttp>();
  auto limiter = std::make_shared<RateLimiter>(2, 0);
  const auto one = MakeHttpModel(options_, std::make_shared<LineWire>(), http, limiter);
  const auto two = MakeHttpModel(options_, std::make_shared<LineWire>(), http, limiter);
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < 20; ++k) good += (i % 2 ? one : two)->Complete(request_, nullptr).ok();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 160);
  EXPECT_EQ(http->most, 2);
}

}  // namespace
}  // namespace ose
