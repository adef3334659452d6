#include "llm/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#include <algorithm>
#include <thread>

#include "base/hash.h"
#include "support/scripted_server.h"

namespace ose {
namespace {

using End = ScriptedReply::End;
using testing::HasSubstr;

class Http : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"}) unsetenv(name);
  }
  void TearDown() override { unsetenv("http_proxy"); }

  HttpRequest Request(const std::string& target = "/x") {
    HttpRequest request;
    request.url = server_.url() + target;
    request.headers = {{"Content-Type", "application/json"}};
    request.body = R"({"ask":1})";
    return request;
  }
  HttpResponse Post(const HttpRequest& request, const std::atomic<bool>* cancel = nullptr) {
    data_.clear();
    return http_->Post(
        request,
        [&](std::string_view piece) {
          data_ += piece;
          if (on_piece_) on_piece_();
          return data_.size() < enough_;
        },
        cancel);
  }

  ScriptedServer server_;
  std::unique_ptr<HttpClient> http_ = MakeCurlHttp();
  std::string data_;
  size_t enough_ = ~size_t{0};
  std::function<void()> on_piece_;
};

TEST_F(Http, PostsAndStreamsTheBody) {
  server_.Script("/x", {{.headers = {{"X-Request-ID", " 17 "}}, .pieces = {"one ", "two ", "three"}}});
  HttpRequest request = Request();
  request.headers.emplace_back("Authorization", "Bearer k");
  request.headers.emplace_back("Empty", "");
  const HttpResponse response = Post(request);
  EXPECT_EQ(response.end, HttpEnd::kComplete) << response.error;
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(data_, "one two three");
  EXPECT_EQ(response.body, "");
  EXPECT_EQ(response.error, "");
  EXPECT_EQ(response.Header("x-request-id"), "17");
  EXPECT_EQ(response.Header("x-other"), "");

  const auto seen = server_.requests().at(0);
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.target, "/x");
  EXPECT_EQ(seen.body, R"({"ask":1})");
  EXPECT_EQ(seen.Header("content-type"), "application/json");
  EXPECT_EQ(seen.Header("authorization"), "Bearer k");
}

TEST_F(Http, PiecesComeBeforeTheEnd) {
  server_.Script("/x", {{.pieces = {"early"}, .end = End::kStall}});
  on_piece_ = [&] { server_.Release(); };  // without streaming the stall would never end
  EXPECT_EQ(Post(Request()).end, HttpEnd::kComplete);
  EXPECT_EQ(data_, "early");
}

TEST_F(Http, OtherStatusesKeepTheBody) {
  server_.Script("/x", {{.status = 429, .headers = {{"Retry-After", "3"}}, .pieces = {"slow", " down"}, .chunked = false}});
  const HttpResponse response = Post(Request());
  EXPECT_EQ(response.end, HttpEnd::kComplete);
  EXPECT_EQ(response.status, 429);
  EXPECT_EQ(response.body, "slow down");
  EXPECT_EQ(response.Header("retry-after"), "3");
  EXPECT_EQ(data_, "");
}

TEST_F(Http, HeadersAreThoseOfTheFinalResponse) {
  ScriptedReply reply{.pieces = {"body"}};
  reply.interim = "HTTP/1.1 103 Early Hints\r\nRetry-After: 9\r\n\r\n";
  server_.Script("/x", {reply});
  const HttpResponse response = Post(Request());
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.Header("retry-after"), "");
  EXPECT_EQ(data_, "body");
}

TEST_F(Http, WithoutCallbackTheBodyIsKept) {
  server_.Script("/x", {{.pieces = {"all"}}});
  EXPECT_EQ(http_->Post(Request(), nullptr, nullptr).body, "all");
}

TEST_F(Http, LargeBodiesGoOutWhole) {
  server_.Script("/x", {{}});
  HttpRequest request = Request();
  request.body.assign(3 << 20, 'x');
  EXPECT_EQ(Post(request).end, HttpEnd::kComplete);
  EXPECT_EQ(server_.requests().at(0).body.size(), request.body.size());
  EXPECT_EQ(server_.requests().at(0).Header("expect"), "");
}

TEST_F(Http, FollowsNoRedirect) {
  server_.Script("/x", {{.status = 307, .headers = {{"Location", server_.url() + "/elsewhere"}}}});
  EXPECT_EQ(Post(Request()).status, 307);
  EXPECT_EQ(server_.requests().size(), 1u);
}

TEST_F(Http, CutStreams) {
  server_.Script("/x", {{.pieces = {"half"}, .end = End::kCut},
                        {.pieces = {"half"}, .chunked = false, .end = End::kCut},
                        {.pieces = {"half"}, .end = End::kReset},
                        {.end = End::kSilent}});
  for (int i = 0; i < 4; ++i) {
    const HttpResponse response = Post(Request());
    EXPECT_EQ(response.end, HttpEnd::kCut) << i;
    EXPECT_EQ(response.status, i < 3 ? 200 : 0) << i;
    EXPECT_NE(response.error, "") << i;
    if (i < 2) EXPECT_EQ(data_, "half") << i;
  }
}

TEST_F(Http, NobodyListens) {
  HttpRequest request = Request();
  {
    ScriptedServer gone;
    request.url = gone.url();
  }
  HttpResponse response = Post(request);
  EXPECT_EQ(response.end, HttpEnd::kConnect);
  EXPECT_EQ(response.status, 0);
  EXPECT_THAT(response.error, HasSubstr("connect"));

  request.connect_timeout = Nanos::Millis(200);  // some resolvers wait for an answer that never comes
  request.url = "http://no-such-host.invalid/";
  EXPECT_EQ(Post(request).end, HttpEnd::kConnect);
  request.url = "https://127.0.0.1:" + std::to_string(server_.port());  // no TLS there
  EXPECT_EQ(Post(request).end, HttpEnd::kConnect);
  for (const char* url : {"ftp://127.0.0.1/", "file:///etc/passwd", "", "http://", "http://a b/"}) {
    request.url = url;
    EXPECT_EQ(Post(request).end, HttpEnd::kConnect) << url;
  }
}

TEST_F(Http, RefusesHeaderInjectionWithoutShowingTheValue) {
  HttpRequest request = Request();
  request.headers.emplace_back("Authorization", "Bearer secret\r\nX-Other: 1");
  const HttpResponse response = Post(request);
  EXPECT_EQ(response.end, HttpEnd::kConnect);
  EXPECT_EQ(response.error, "the header Authorization has a control character in it");
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(Http, StallsTimeOut) {
  server_.Script("/x", {{.pieces = {"some"}, .end = End::kStall}, {.end = End::kStallFirst}, {.pieces = {"some"}, .end = End::kStall}});
  HttpRequest request = Request();
  request.idle_timeout = Nanos::Millis(50);
  HttpResponse response = Post(request);
  EXPECT_EQ(response.end, HttpEnd::kTimeout);
  EXPECT_EQ(response.error, "nothing received for 0.05 s");
  EXPECT_EQ(data_, "some");
  EXPECT_EQ(response.status, 200);

  response = Post(request);
  EXPECT_EQ(response.end, HttpEnd::kTimeout);
  EXPECT_EQ(response.status, 0);

  request = Request();
  request.total_timeout = Nanos::Millis(50);
  response = Post(request);
  EXPECT_EQ(response.end, HttpEnd::kTimeout);
  EXPECT_EQ(response.error, "no end of the response within 0.05 s");
}

TEST_F(Http, CancelEndsAStall) {
  server_.Script("/x", {{.pieces = {"some"}, .end = End::kStall}, {.end = End::kStallFirst}});
  for (int stalls = 1; stalls <= 2; ++stalls) {
    std::atomic<bool> cancel = false;
    std::thread canceller([&] {
      server_.AwaitStalls(stalls);
      cancel = true;
    });
    EXPECT_EQ(Post(Request(), &cancel).end, HttpEnd::kCancelled);
    canceller.join();
  }
  const std::atomic<bool> cancelled = true;
  EXPECT_EQ(Post(Request(), &cancelled).end, HttpEnd::kCancelled);
  EXPECT_EQ(server_.requests().size(), 2u) << "nothing is sent after a cancellation";
}

TEST_F(Http, LimitsTheBody) {
  ScriptedReply huge{.pieces = {std::string(1000, 'x')}, .repeat = 1000};
  ScriptedReply error = huge;
  error.status = 500;
  server_.Script("/x", {huge, error, huge, huge});
  HttpRequest request = Request();
  request.max_bytes = 2500;
  EXPECT_EQ(Post(request).end, HttpEnd::kTooLong);
  EXPECT_EQ(data_.size(), 2500u);
  const HttpResponse response = Post(request);
  EXPECT_EQ(response.end, HttpEnd::kTooLong);
  EXPECT_EQ(response.body.size(), 2500u);
  request.max_bytes = 1'000'000;
  EXPECT_EQ(Post(request).end, HttpEnd::kComplete);

  enough_ = 1500;  // the callback says when
  EXPECT_EQ(Post(request).end, HttpEnd::kTooLong);
  EXPECT_LT(data_.size(), 1'000'000u);
}

TEST_F(Http, LimitsTheHeaders) {
  ScriptedReply reply;
  for (int i = 0; i < 100; ++i) reply.headers.emplace_back("x-long", std::string(5000, 'x'));
  server_.Script("/x", {reply});
  EXPECT_NE(Post(Request()).end, HttpEnd::kComplete);
}

TEST_F(Http, GoesThroughAProxyButNotToLoopback) {
  server_.Script("http://model.invalid/", {{.pieces = {"by proxy"}}});
  server_.Script("/x", {{.pieces = {"direct"}}});
  setenv("http_proxy", server_.url().c_str(), 1);
  HttpRequest request = Request();
  request.url = "http://model.invalid/v1";
  EXPECT_EQ(Post(request).status, 200);
  EXPECT_EQ(data_, "by proxy");
  EXPECT_EQ(server_.requests().at(0).target, "http://model.invalid/v1");
  setenv("http_proxy", "http://no-such-host.invalid:1/", 1);
  EXPECT_EQ(Post(Request()).status, 200);
  EXPECT_EQ(data_, "direct");
}

TEST_F(Http, ManyThreads) {
  server_.Handle("/", [](const ScriptedRequest& request) { return ScriptedReply{.pieces = {request.body}}; });
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < 10; ++k) {
        HttpRequest request = Request();
        request.body = std::to_string(i * 100 + k);
        std::string got;
        http_->Post(request, [&](std::string_view piece) { return got += piece, true; }, nullptr);
        if (got == request.body) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 80);
}

// AWS Signature Version 4 as its documentation describes it ("Create a signed AWS API request"), from
// what arrived, without anything from libcurl.
std::string Hmac(std::string_view key, std::string_view text) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()), text.size(), out, &size);
  return {reinterpret_cast<char*>(out), size};
}

std::string Hex(std::string_view bytes) {
  std::string hex;
  for (unsigned char c : bytes) {
    hex += "0123456789abcdef"[c >> 4];
    hex += "0123456789abcdef"[c & 15];
  }
  return hex;
}

std::string Between(const std::string& text, const std::string& before, char after) {
  const size_t at = text.find(before);
  if (at == text.npos) return "?";
  return text.substr(at + before.size(), text.find(after, at + before.size()) - at - before.size());
}

std::string ExpectedSignature(const ScriptedRequest& seen, const AwsCredentials& aws) {
  std::string path;
  for (char c : seen.target) {
    const bool unreserved = std::isalnum(static_cast<unsigned char>(c)) || std::string_view("-._~/").find(c) != std::string_view::npos;
    char code[8];
    std::snprintf(code, sizeof code, "%%%02X", static_cast<unsigned char>(c));
    path += unreserved ? std::string(1, c) : code;
  }
  const std::string signed_headers = Between(seen.Header("authorization"), "SignedHeaders=", ',');
  std::string headers;
  for (size_t at = 0; at < signed_headers.size();) {
    const size_t end = std::min(signed_headers.find(';', at), signed_headers.size());
    const std::string name = signed_headers.substr(at, end - at);
    if (seen.Header(name).empty()) return "the signed header " + name + " was not sent";
    headers += name + ":" + seen.Header(name) + "\n";
    at = end + 1;
  }
  const std::string time = seen.Header("x-amz-date"), day = time.substr(0, 8);
  const std::string canonical = "POST\n" + path + "\n\n" + headers + "\n" + signed_headers + "\n" + Sha256Hex(seen.body);
  const std::string scope = day + "/" + aws.region + "/" + aws.service + "/aws4_request";
  const std::string to_sign = "AWS4-HMAC-SHA256\n" + time + "\n" + scope + "\n" + Sha256Hex(canonical);
  return Hex(Hmac(Hmac(Hmac(Hmac(Hmac("AWS4" + aws.secret_key, day), aws.region), aws.service), "aws4_request"), to_sign));
}

// The checker itself, against the worked example that AWS publishes for the signing key and string
// (get-vanilla of the signature test suite is a GET; the chain of keys is what matters here).
TEST(ExpectedSignature, KeyDerivationAgreesWithTheDocumentation) {
  const std::string key = Hmac(Hmac(Hmac(Hmac("AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20120215"), "us-east-1"), "iam"), "aws4_request");
  EXPECT_EQ(Hex(key), "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d");
}

TEST_F(Http, SignsForAwsWithAColonInTheModel) {
  server_.Handle("/", [](const ScriptedRequest&) { return ScriptedReply{}; });
  HttpRequest request = Request("/model/anthropic.claude-3-5-sonnet-20241022-v2%3A0/converse-stream");
  request.headers.emplace_back("Accept", "application/vnd.amazon.eventstream");
  request.aws = AwsCredentials{"AKIDEXAMPLE", "se:cret/+key", "", "eu-central-1", "bedrock"};
  for (const char* token : {"", "session/token=="}) {
    request.aws->session_token = token;
    const HttpResponse response = Post(request);
    ASSERT_EQ(response.end, HttpEnd::kComplete) << response.error;
    const auto seen = server_.requests().back();
    EXPECT_EQ(seen.target, "/model/anthropic.claude-3-5-sonnet-20241022-v2%3A0/converse-stream");
    EXPECT_EQ(seen.Header("x-amz-security-token"), token);
    const std::string authorization = seen.Header("authorization");
    EXPECT_EQ(Between(authorization, "Credential=", '/'), "AKIDEXAMPLE");
    EXPECT_EQ(Between(authorization, "Signature=", '\r'), ExpectedSignature(seen, *request.aws));
    const std::string names = Between(authorization, "SignedHeaders=", ',');
    EXPECT_EQ(names, *token ? "accept;content-type;host;x-amz-date;x-amz-security-token" : "accept;content-type;host;x-amz-date");
  }
}

TEST_F(Http, SignsForAwsLargeBodies) {
  server_.Handle("/", [](const ScriptedRequest&) { return ScriptedReply{}; });
  HttpRequest request = Request("/model/m:0/converse");  // a bare colon is signed as %3A
  request.body.assign(2 << 20, 'x');
  request.aws = AwsCredentials{"AKIDEXAMPLE", "secret", "", "us-east-1", "bedrock"};
  ASSERT_EQ(Post(request).end, HttpEnd::kComplete);
  const auto seen = server_.requests().at(0);
  EXPECT_EQ(seen.target, "/model/m:0/converse");
  EXPECT_EQ(seen.body.size(), request.body.size());
  EXPECT_EQ(Between(seen.Header("authorization"), "Signature=", '\r'), ExpectedSignature(seen, *request.aws));
}

}  // namespace
}  // namespace ose
