#include "llm/exchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <deque>

#include "base/file.h"
#include "llm/http_model.h"
#include "llm/wire.h"

namespace ose {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kKey[] = "sk-canary-4711";

// Answers in order, in pieces of three bytes.
class Scripted : public HttpClient {
 public:
  std::deque<HttpResponse> answers;
  HttpResponse Post(const HttpRequest&, const std::function<bool(std::string_view)>& on_data, const std::atomic<bool>*) override {
    HttpResponse r = answers.front();
    answers.pop_front();
    if (r.status == 200) {
      for (size_t i = 0; i < r.body.size(); i += 3) on_data(std::string_view(r.body).substr(i, 3));
      r.body.clear();
    }
    return r;
  }
};

class ExchangeTest : public testing::Test {
 protected:
  static HttpRequest Request(const std::string& body) {
    HttpRequest r;
    r.url = "https://api.example/v1/chat";
    r.headers = {{"Authorization", std::string("Bearer ") + kKey}, {"X-Api-Key", "other-canary-0815"}};
    r.body = body;
    return r;
  }
  // What came, as one text: the end, the status and the body, wherever it was.
  static std::string Ask(HttpClient& http, const std::string& body) {
    std::string data;
    HttpResponse r = http.Post(Request(body), [&](std::string_view s) { data += s; return true; }, nullptr);
    return std::to_string(static_cast<int>(r.end)) + " " + std::to_string(r.status) + " " + std::string(r.Header("retry-after")) + " " + data + r.body;
  }
  void Record(const std::vector<std::pair<std::string, HttpResponse>>& talk) {
    auto inner = std::make_shared<Scripted>();
    auto http = MakeRecordingHttp(inner, path_);
    ASSERT_TRUE(http.ok());
    for (auto& [body, answer] : talk) {
      inner->answers.push_back(answer);
      Ask(**http, body);
    }
  }
  Result<TempDir> made_ = TempDir::Make("exchange");
  const std::string dir_ = made_->path(), path_ = dir_ + "/log";
};

TEST_F(ExchangeTest, IsPlayedBackByBodyThenInOrder) {
  Record({{"a", {.status = 200, .body = "first"}},
          {"b", {.status = 429, .headers = {{"retry-after", "7"}, {"set-cookie", "x"}}, .body = "slow"}},
          {"b", {.status = 200, .body = "second"}},
          {"c", {.end = HttpEnd::kCut, .error = "cut", .status = 200, .body = "thi"}}});
  auto replay = MakeReplayHttp(path_);
  ASSERT_TRUE(replay.ok()) << replay.error().message;
  EXPECT_EQ(Ask(**replay, "b"), "0 429 7 slow");
  EXPECT_EQ(Ask(**replay, "b"), "0 200  second");
  EXPECT_EQ(Ask(**replay, "unknown"), "0 200  first");
  EXPECT_EQ(Ask(**replay, "c"), "3 200  thi");
  EXPECT_EQ(Ask(**replay, "c"), "1 0  ") << "nothing is left: no connection";
}

TEST_F(ExchangeTest, KeepsNoSecret) {
  Record({{std::string("my key is ") + kKey, {.status = 200, .body = std::string("you sent other-canary-0815 and ") + kKey}},
          {"a", {.status = 401, .headers = {{"x-echo", kKey}}, .body = std::string("wrong key ") + kKey}}});
  const std::string log = *ReadFile(path_);
  EXPECT_THAT(log, Not(HasSubstr("canary")));
  EXPECT_THAT(log, HasSubstr("you sent [secret] and [secret]"));
  struct stat s{};
  ASSERT_EQ(stat(path_.c_str(), &s), 0);
  EXPECT_EQ(s.st_mode & 0777, 0600u);
  // The scrubbed request is found again.
  EXPECT_EQ(Ask(**MakeReplayHttp(path_), std::string("my key is ") + kKey), "0 200  you sent [secret] and [secret]");
}

TEST_F(ExchangeTest, KeepsBinaryBodies) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
  for (size_t size : {256u, 255u, 254u}) {
    Record({{std::to_string(size), {.status = 200, .body = bytes.substr(256 - size)}}});
    EXPECT_EQ(Ask(**MakeReplayHttp(path_), std::to_string(size)), "0 200  " + bytes.substr(256 - size));
  }
  // A key in it: the whole exchange is left out.
  const std::string before = *ReadFile(path_);
  Record({{"x", {.status = 200, .body = bytes + kKey}}});
  EXPECT_EQ(*ReadFile(path_), before);
}

TEST_F(ExchangeTest, WrongFilesAreNamed) {
  EXPECT_THAT(MakeReplayHttp(path_).error().message, HasSubstr(path_));
  EXPECT_THAT(MakeRecordingHttp(nullptr, dir_).error().message, HasSubstr("--llm-record " + dir_));
  ASSERT_TRUE(WriteFileAtomic(path_, "").ok());
  EXPECT_THAT(MakeReplayHttp(path_).error().message, HasSubstr("empty"));
  Record({{"a", {.status = 200, .body = "first"}}});
  const std::string good = *ReadFile(path_);
  for (std::string line : {std::string("{}"), std::string("null"), good.substr(0, good.size() / 2), std::string("{\"format\": 2}"),
                           std::string(R"({"format":1,"url":"u","request":"r","end":"never","status":1,"headers":{},"body":""})"),
                           std::string(R"({"format":1,"url":"u","request":"r","end":"cut","status":"1","headers":{},"body":""})"),
                           std::string(R"({"format":1,"url":"u","request":"r","end":"cut","status":1,"headers":[],"body64":"***"})")}) {
    ASSERT_TRUE(WriteFileAtomic(path_, good + line).ok());
    auto replay = MakeReplayHttp(path_);
    ASSERT_FALSE(replay.ok()) << line;
    EXPECT_THAT(replay.error().message, HasSubstr(":2: ")) << line;
  }
}

}  // namespace
}  // namespace ose
