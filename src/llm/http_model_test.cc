// HttpModel over libcurl against a scripted server on loopback.
#include "llm/http_model.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <deque>
#include <mutex>
#include <thread>

#include "base/fd.h"

namespace ose {
namespace {

using testing::HasSubstr;
using testing::Not;

// What the server does with one request, in order; the last is repeated.
struct Scripted {
  std::string response;    // raw bytes, status line included
  bool hold_open = false;  // sends no end: the client must give up
};

std::string Response(int status, const std::string& body, const std::string& headers = "") {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: application/json\r\nConnection: close\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string Stream(const std::string& text) {
  const std::string body = "data: {\"model\":\"m-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" + text + "\"}}]}\n\n"
                           "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
                           "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}\n\n"
                           "data: [DONE]\n\n";
  return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

class Server {
 public:
  explicit Server(std::vector<Scripted> script) : script_(std::move(script)), listen_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t n = sizeof a;
    EXPECT_EQ(bind(listen_.get(), reinterpret_cast<sockaddr*>(&a), sizeof a), 0);
    EXPECT_EQ(listen(listen_.get(), 16), 0);
    EXPECT_EQ(getsockname(listen_.get(), reinterpret_cast<sockaddr*>(&a), &n), 0);
    url = "http://127.0.0.1:" + std::to_string(ntohs(a.sin_port)) + "/v1";
    thread_ = std::thread([this] { Serve(); });
  }
  ~Server() {
    stop_ = true;
    thread_.join();
  }
  std::vector<std::string> requests() {
    std::lock_guard lock(mutex_);
    return requests_;
  }
  std::string url;

 private:
  void Serve() {
    size_t next = 0;
    std::vector<Fd> held;
    while (!stop_) {
      pollfd p{listen_.get(), POLLIN, 0};
      if (poll(&p, 1, 20) <= 0) continue;
      Fd client(accept4(listen_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      std::string request;
      char buffer[4096];
      size_t want = std::string::npos;
      while (request.size() < want) {
        const ssize_t got = read(client.get(), buffer, sizeof buffer);
        if (got <= 0) break;
        request.append(buffer, static_cast<size_t>(got));
        const size_t head = request.find("\r\n\r\n"), length = request.find("Content-Length: ");
        if (head != std::string::npos && length != std::string::npos) want = head + 4 + static_cast<size_t>(atol(request.c_str() + length + 16));
      }
      {
        std::lock_guard lock(mutex_);
        requests_.push_back(request);
      }
      const Scripted& s = script_[std::min(next++, script_.size() - 1)];
      send(client.get(), s.response.data(), s.response.size(), MSG_NOSIGNAL);
      if (s.hold_open) held.push_back(std::move(client));
    }
  }
  const std::vector<Scripted> script_;
  Fd listen_;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

class HttpModelTest : public testing::Test {
 protected:
  ChatReply Call(Server& server, std::function<void(HttpModelOptions&, ChatRequest&)> adjust = {}, const std::atomic<bool>* cancel = nullptr) {
    HttpModelOptions o;
    o.name = "openai:m";
    o.endpoint = {.base_url = server.url, .key = "sk-canary-1234", .model = "m", .api_version = {}, .aws = {}};
    o.retry.max_attempts = 3;
    o.idle_timeout = Nanos::Millis(400);
    o.sleep = [this](Nanos t, const std::atomic<bool>*) {
      slept.push_back(t);
      return true;
    };
    ChatRequest q;
    q.system = "be brief";
    q.user = "hello";
    if (adjust) adjust(o, q);
    auto model = MakeHttpModel(std::move(o), std::shared_ptr<const Wire>(MakeOpenAiChatWire()), std::shared_ptr<HttpClient>(MakeCurlHttp()), std::make_shared<RateLimiter>(4, 0));
    return model->Complete(q, cancel);
  }
  std::vector<Nanos> slept;
};

TEST_F(HttpModelTest, AStreamedReply) {
  Server server({{Stream("hi there")}});
  ChatReply r = Call(server);
  EXPECT_TRUE(r.ok()) << r.reason;
  EXPECT_EQ(r.text, "hi there");
  EXPECT_EQ(r.usage.input, 7);
  EXPECT_EQ(r.usage.output, 3);
  EXPECT_EQ(r.model, "m-1");
  EXPECT_EQ(r.attempts, 1);
  EXPECT_THAT(server.requests()[0], HasSubstr("POST /v1/chat/completions"));
  EXPECT_THAT(server.requests()[0], HasSubstr("Bearer sk-canary-1234"));
}

TEST_F(HttpModelTest, ServerErrorsAreRetriedWithBackoff) {
  Server server({{Response(503, "{}")}, {Response(500, "{}")}, {Stream("third")}});
  ChatReply r = Call(server);
  EXPECT_TRUE(r.ok()) << r.reason;
  EXPECT_EQ(r.attempts, 3);
  ASSERT_EQ(slept.size(), 2u);
  EXPECT_GE(slept[0].v, Nanos::Millis(500).v);
  EXPECT_LE(slept[0].v, Nanos::Millis(1000).v);
  EXPECT_GE(slept[1].v, Nanos::Millis(1000).v);
}

TEST_F(HttpModelTest, RetryAfterIsALowerLimit) {
  Server server({{Response(429, "{}", "retry-after-ms: 1500\r\n")}, {Stream("second")}});
  ChatReply r = Call(server);
  EXPECT_TRUE(r.ok()) << r.reason;
  ASSERT_EQ(slept.size(), 1u);
  EXPECT_GE(slept[0].v, Nanos::Millis(1500).v);
}

TEST_F(HttpModelTest, ARetryAfterThatIsTooLongEndsTheCall) {
  Server server({{Response(429, "{}", "Retry-After: 100000\r\n")}});
  ChatReply r = Call(server);
  EXPECT_EQ(r.failure, CallFailure::kRateLimited);
  EXPECT_EQ(r.attempts, 1);
  EXPECT_THAT(r.reason, HasSubstr("asked to wait 100000 s"));
}

TEST_F(HttpModelTest, AWrongKeyIsFinalAndNeverShown) {
  Server server({{Response(401, R"({"error":{"message":"Incorrect API key provided: sk-canary-1234","code":"invalid_api_key"}})")}});
  ChatReply r = Call(server);
  EXPECT_EQ(r.failure, CallFailure::kAuth);
  EXPECT_EQ(r.attempts, 1);
  EXPECT_THAT(r.reason, Not(HasSubstr("canary")));
  EXPECT_THAT(r.reason, HasSubstr("openai:m: status 401"));
}

TEST_F(HttpModelTest, ACutStreamIsRetriedThenBroken) {
  const std::string whole = Stream("hello");
  Server server({{whole.substr(0, whole.size() - 60)}});
  ChatReply r = Call(server);
  EXPECT_EQ(r.failure, CallFailure::kBroken) << CallFailureName(r.failure) << r.reason;
  EXPECT_EQ(r.attempts, 3);
}

TEST_F(HttpModelTest, SilenceIsATimeout) {
  Server server({{"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", true}});
  ChatReply r = Call(server, [](HttpModelOptions& o, ChatRequest&) { o.retry.max_attempts = 1; });
  EXPECT_EQ(r.failure, CallFailure::kTimeout) << CallFailureName(r.failure) << r.reason;
}

TEST_F(HttpModelTest, HtmlOfAProxyIsNamed) {
  Server server({{"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: 13\r\n\r\n<html></html>"}});
  ChatReply r = Call(server);
  EXPECT_EQ(r.failure, CallFailure::kServer);
  EXPECT_THAT(r.reason, HasSubstr("a proxy or gateway answered HTML (status 502)"));
}

TEST_F(HttpModelTest, GarbageIsMalformed) {
  Server server({{"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: 13\r\n\r\n<html></html>"}});
  ChatReply r = Call(server);
  EXPECT_EQ(r.failure, CallFailure::kMalformed) << r.reason;
  EXPECT_EQ(r.attempts, 1);
}

TEST_F(HttpModelTest, AReplyThatIsTooLargeIsStopped) {
  Server server({{Stream(std::string(100'000, 'x'))}});
  ChatReply r = Call(server, [](HttpModelOptions&, ChatRequest& q) { q.max_reply_bytes = 1000; });
  EXPECT_EQ(r.failure, CallFailure::kTooLarge) << r.reason;
}

TEST_F(HttpModelTest, NoRetryWithoutPermission) {
  Server server({{Response(500, "{}")}});
  int asked = 0;
  ChatReply r = Call(server, [&](HttpModelOptions&, ChatRequest& q) {
    q.may_retry = [&](const Usage&) {
      ++asked;
      return false;
    };
  });
  EXPECT_EQ(r.failure, CallFailure::kServer);
  EXPECT_EQ(r.attempts, 1);
  EXPECT_EQ(asked, 1);
}

TEST_F(HttpModelTest, NobodyThere) {
  std::string url;
  {
    Server gone({{""}});
    url = gone.url;
  }
  Server server({{""}});
  ChatReply r = Call(server, [&](HttpModelOptions& o, ChatRequest&) { o.endpoint.base_url = url; });
  EXPECT_EQ(r.failure, CallFailure::kNetwork) << CallFailureName(r.failure) << r.reason;
}

TEST_F(HttpModelTest, CancellingEndsACallThatHangs) {
  Server server({{"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", true}});
  std::atomic<bool> cancel{false};
  std::thread canceller([&] {
    while (server.requests().empty()) std::this_thread::yield();
    cancel = true;
  });
  ChatReply r = Call(server, [](HttpModelOptions& o, ChatRequest&) { o.idle_timeout = Nanos::Seconds(100); }, &cancel);
  canceller.join();
  EXPECT_EQ(r.failure, CallFailure::kCancelled) << r.reason;
}

TEST(RateLimiter, NeverMoreThanAllowedAtOnce) {
  RateLimiter limiter(3, 0);
  std::atomic<int> now{0}, most{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE(limiter.Acquire(nullptr));
        const int n = ++now;
        int seen = most;
        while (n > seen && !most.compare_exchange_weak(seen, n)) {
        }
        std::this_thread::yield();
        --now;
        limiter.Release();
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_LE(most, 3);
  std::atomic<bool> cancel{true};
  EXPECT_FALSE(limiter.Acquire(&cancel));
}

}  // namespace
}  // namespace ose
