// Every wire format over libcurl, against a server that answers as the provider does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/http_model.h"
#include "support/model_replies.h"

namespace ose {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

constexpr char kKey[] = "canary-key-0123456789";

struct Provider {
  const char* name;    // in test names
  const char* format;  // in scripts
  const char* base;    // path
  const char* model;
  std::unique_ptr<Wire> (*make)();
};

class Wires : public testing::TestWithParam<Provider> {
 protected:
  ChatReply Call(std::vector<json> replies, int attempts = 3) {
    for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"}) unsetenv(name);
    server_.Handle("/", ModelReplies(json{{GetParam().format, replies}, {"key", server_key_}}));
    HttpModelOptions options;
    options.name = "m";
    options.endpoint.base_url = server_.url() + GetParam().base;
    options.endpoint.key = kKey;
    options.endpoint.model = GetParam().model;
    options.endpoint.api_version = GetParam().format == std::string("anthropic") ? "2023-06-01" : "2024-10-21";
    options.retry.max_attempts = attempts;
    options.idle_timeout = idle_;
    options.sleep = [this](Nanos wait, const std::atomic<bool>*) { return sleeps_.push_back(wait), true; };
    ChatRequest request;
    request.system = "Be brief.";
    request.user = "Say \"h\xc3\xa9llo\".";
    const ChatReply reply = MakeHttpModel(options, GetParam().make(), MakeCurlHttp(), nullptr)->Complete(request, nullptr);
    EXPECT_THAT(reply.reason, Not(HasSubstr("canary")));
    return reply;
  }
  ScriptedServer server_;
  std::string server_key_ = kKey;
  std::vector<Nanos> sleeps_;
  Nanos idle_ = Nanos::Seconds(60);
};

const json kGood = {{"text", "h\xc3\xa9llo, \"world\"\nand \xf0\x9f\x98\x80 more"},
                    {"usage", {{"input", 1000}, {"cached", 200}, {"output", 70}, {"reasoning", 0}}}};

TEST_P(Wires, AReplyWithUsage) {
  const ChatReply reply = Call({kGood});
  EXPECT_TRUE(reply.ok()) << reply.reason;
  EXPECT_EQ(reply.text, kGood["text"].get<std::string>());
  EXPECT_FALSE(reply.truncated);
  EXPECT_TRUE(reply.usage.reported);
  EXPECT_EQ(reply.usage.input, 1000);
  EXPECT_EQ(reply.usage.cached_input, 200);
  EXPECT_EQ(reply.usage.output, 70);
  const std::string body = server_.requests().at(0).body;
  EXPECT_THAT(body, HasSubstr("Be brief."));
}

TEST_P(Wires, Truncated) {
  json reply = kGood;
  reply["finish"] = "length";
  const ChatReply got = Call({reply});
  EXPECT_TRUE(got.ok()) << got.reason;
  EXPECT_TRUE(got.truncated);
  EXPECT_EQ(got.text, kGood["text"].get<std::string>());
}

TEST_P(Wires, Declined) {
  const ChatReply reply = Call({{{"text", "Sorry"}, {"finish", "filter"}}, kGood});
  EXPECT_EQ(reply.failure, CallFailure::kFiltered) << CallFailureName(reply.failure) << reply.reason;
  EXPECT_EQ(reply.attempts, 1);
}

TEST_P(Wires, CutStreams) {
  for (const char* end : {"cut", "reset", "silent"}) {
    ChatReply reply = Call({{{"text", "half of this"}, {"end", end}}, kGood});
    EXPECT_TRUE(reply.ok()) << end << reply.reason;
    EXPECT_EQ(reply.attempts, 2) << end;
    reply = Call({{{"text", "half of this"}, {"end", end}}}, 2);
    EXPECT_EQ(reply.failure, CallFailure::kBroken) << end << CallFailureName(reply.failure) << reply.reason;
    EXPECT_EQ(reply.attempts, 2);
  }
}

TEST_P(Wires, Stalls) {
  idle_ = Nanos::Millis(50);
  EXPECT_EQ(Call({{{"text", "half of this"}, {"end", "stall"}}}, 1).failure, CallFailure::kTimeout);
}

TEST_P(Wires, RateLimitsAndServerErrors) {
  const ChatReply reply = Call({{{"status", 429}, {"retry_after", 7}}, {{"status", 503}}, kGood});
  EXPECT_TRUE(reply.ok()) << reply.reason;
  EXPECT_EQ(reply.attempts, 3);
  EXPECT_EQ(sleeps_.at(0), Nanos::Seconds(7));
  EXPECT_EQ(Call({{{"status", 429}}}).failure, CallFailure::kRateLimited);
  EXPECT_EQ(Call({{{"status", 500}}}).failure, CallFailure::kServer);
}

TEST_P(Wires, AWrongKey) {
  server_key_ = "another";
  const ChatReply reply = Call({kGood});
  EXPECT_EQ(reply.failure, CallFailure::kAuth) << CallFailureName(reply.failure) << reply.reason;
  EXPECT_EQ(reply.attempts, 1);
  EXPECT_THAT(reply.reason, HasSubstr("Incorrect API key"));
}

TEST_P(Wires, FinalErrors) {
  ChatReply reply = Call({{{"status", 404}, {"error", "no such model"}}});
  EXPECT_EQ(reply.failure, CallFailure::kUnknownModel) << CallFailureName(reply.failure);
  EXPECT_THAT(reply.reason, HasSubstr("no such model"));
  reply = Call({{{"status", 400}, {"error", "a parameter is wrong"}}});
  EXPECT_EQ(reply.failure, CallFailure::kRefused) << CallFailureName(reply.failure);
  EXPECT_EQ(reply.attempts, 1);
}

TEST_P(Wires, WhatIsNoReply) {
  EXPECT_EQ(Call({{{"html", true}}}).failure, CallFailure::kMalformed);
  ChatReply reply = Call({{{"html", true}, {"status", 502}}});
  EXPECT_EQ(reply.failure, CallFailure::kServer);
  EXPECT_THAT(reply.reason, HasSubstr("a proxy or gateway answered HTML (status 502)"));
  reply = Call({{{"html", true}, {"status", 403}}});
  EXPECT_EQ(reply.failure, CallFailure::kMalformed) << reply.reason;
  reply = Call({{{"raw", "this is no reply at all"}}});
  EXPECT_EQ(reply.failure, CallFailure::kMalformed) << CallFailureName(reply.failure) << reply.reason;
  EXPECT_EQ(Call({{{"text", ""}}}).failure, CallFailure::kEmpty);
}

TEST_P(Wires, HugeReplies) {
  const ChatReply reply = Call({{{"text", "0123456789"}, {"repeat", 1'000'000}}});
  EXPECT_EQ(reply.failure, CallFailure::kTooLarge) << CallFailureName(reply.failure) << reply.reason;
  EXPECT_EQ(reply.attempts, 1);
}

INSTANTIATE_TEST_SUITE_P(All, Wires,
                         testing::Values(Provider{"openai", "openai", "/v1", "gpt-5-mini", MakeOpenAiChatWire},
                                         Provider{"responses", "responses", "/v1", "gpt-5-mini", MakeOpenAiResponsesWire},
                                         Provider{"azure", "openai", "", "deployment", MakeAzureWire},
                                         Provider{"anthropic", "anthropic", "", "claude-sonnet-4-5", MakeAnthropicWire},
                                         Provider{"gemini", "gemini", "/v1beta", "gemini-2.5-pro", MakeGeminiWire},
                                         Provider{"bedrock", "bedrock", "", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", MakeBedrockWire}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace ose
