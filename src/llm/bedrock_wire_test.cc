#include "llm/event_stream_testing.h"
#include "llm/wire_testing.h"

namespace ose {
namespace {

using nlohmann::json;

// Bedrock API reference, "ConverseStream"; what models of Anthropic and OpenAI take beside it.
const std::vector<SchemaField> kSchema = {
    {"messages", "array"},
    {"messages[]", "object"},
    {"messages[].role", "string", true},
    {"messages[].content", "array", true},
    {"messages[].content[]", "object"},
    {"messages[].content[].text", "string"},
    {"system", "array"},
    {"system[]", "object"},
    {"system[].text", "string"},
    {"system[].cachePoint", "object"},
    {"system[].cachePoint.type", "string"},
    {"inferenceConfig", "object"},
    {"inferenceConfig.maxTokens", "integer"},
    {"inferenceConfig.temperature", "number"},
    {"additionalModelRequestFields", "object"},
    {"additionalModelRequestFields.thinking", "object"},
    {"additionalModelRequestFields.thinking.type", "string"},
    {"additionalModelRequestFields.thinking.budget_tokens", "integer"},
    {"additionalModelRequestFields.output_config", "object"},
    {"additionalModelRequestFields.output_config.effort", "string"},
    {"additionalModelRequestFields.reasoning_effort", "string"},
};

Endpoint At(const std::string& model) {
  Endpoint endpoint;
  endpoint.base_url = "https://bedrock-runtime.us-east-1.amazonaws.com";
  endpoint.model = model;
  endpoint.aws = AwsCredentials{"AKIDEXAMPLE", "secret", "token", "us-east-1", "bedrock"};
  return endpoint;
}

json BodyFor(const std::string& model, const ChatRequest& request) {
  const json body = json::parse(MakeBedrockWire()->Encode(At(model), request).body);
  ExpectFollowsSchema(body, kSchema);
  return body;
}

TEST(BedrockWire, Request) {
  const HttpRequest http = MakeBedrockWire()->Encode(At("us.anthropic.claude-sonnet-4-5-20250929-v1:0"), TestRequest());
  EXPECT_EQ(http.url,
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream");
  EXPECT_EQ(HeaderOf(http, "Content-Type"), "application/json");
  EXPECT_EQ(HeaderOf(http, "Accept"), "application/vnd.amazon.eventstream");
  EXPECT_EQ(HeaderOf(http, "Authorization"), "");
  ASSERT_TRUE(http.aws);
  EXPECT_EQ(http.aws->service, "bedrock");
  EXPECT_EQ(http.aws->session_token, "token");
  const json body = json::parse(http.body);
  EXPECT_EQ(body, json({{"system", json::array({{{"text", "You write \"schedulers\"."}}, {{"cachePoint", {{"type", "default"}}}}})},
                        {"messages", json::array({{{"role", "user"}, {"content", json::array({{{"text", kTestUserAsSent}}})}}})},
                        {"inferenceConfig", {{"maxTokens", 2000}, {"temperature", 0.5}}}}));
  ExpectFollowsSchema(body, kSchema);
}

TEST(BedrockWire, AnApiKeyStandsForTheCredentials) {
  Endpoint endpoint = At("amazon.nova-pro-v1:0");
  endpoint.key = "bedrock-key";
  const HttpRequest http = MakeBedrockWire()->Encode(endpoint, TestRequest());
  EXPECT_EQ(HeaderOf(http, "Authorization"), "Bearer bedrock-key");
  EXPECT_FALSE(http.aws);
}

TEST(BedrockWire, WhatDependsOnTheModel) {
  ChatRequest request = TestRequest();
  request.effort = "high";
  const json claude = BodyFor("us.anthropic.claude-sonnet-4-5-20250929-v1:0", request);
  EXPECT_EQ(claude["additionalModelRequestFields"]["thinking"], json({{"type", "enabled"}, {"budget_tokens", 1500}}));
  EXPECT_FALSE(claude["inferenceConfig"].contains("temperature"));
  const json later = BodyFor("anthropic.claude-opus-4-6-v1", request);
  EXPECT_EQ(later["additionalModelRequestFields"], json({{"thinking", {{"type", "adaptive"}}}, {"output_config", {{"effort", "high"}}}}));
  const json gpt = BodyFor("openai.gpt-oss-120b-1:0", request);
  EXPECT_EQ(gpt["additionalModelRequestFields"], json({{"reasoning_effort", "high"}}));
  EXPECT_EQ(gpt["inferenceConfig"]["temperature"], 0.5);
  const json llama = BodyFor("meta.llama3-1-70b-instruct-v1:0", request);
  EXPECT_FALSE(llama.contains("additionalModelRequestFields"));
  EXPECT_EQ(llama["system"].size(), 1u);
  EXPECT_EQ(BodyFor("amazon.nova-pro-v1:0", request)["system"].size(), 2u);
}

const std::string kUsage =
    BedrockEvent("metadata", R"({"metrics":{"latencyMs":551},"p":"ab","usage":{"inputTokens":12,"outputTokens":9,"totalTokens":1028,"cacheReadInputTokens":1000,"cacheWriteInputTokens":7}})");

std::string Stream(const std::string& stop) {
  return BedrockEvent("messageStart", R"({"p":"abcdefgh","role":"assistant"})") +
         BedrockEvent("contentBlockDelta", R"({"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"hm"}},"p":"abc"})") +
         BedrockEvent("contentBlockDelta", "{\"contentBlockIndex\":1,\"delta\":{\"text\":\"Hello \xe2\x82\xac\"},\"p\":\"abc\"}") +
         BedrockEvent("contentBlockDelta", R"({"contentBlockIndex":1,"delta":{"text":"!"},"p":"a"})") +
         BedrockEvent("contentBlockStop", R"({"contentBlockIndex":1,"p":"abcd"})") +
         BedrockEvent("messageStop", R"({"p":"abc","stopReason":")" + stop + "\"}") + kUsage;
}

ChatReply DecodeIt(const std::string& stream, bool complete = true) { return Decode(*MakeBedrockWire(), stream, complete); }

TEST(BedrockWire, DecodesAStream) {
  const auto wire = MakeBedrockWire();
  EXPECT_EQ(Describe(DecodeEveryWay(*wire, Stream("end_turn"))), "none |  | Hello \xe2\x82\xac! | whole |  | 1019 1000 7 9 0 reported");
  ExpectPrefixesAreBroken(*wire, Stream("end_turn"), "Hello \xe2\x82\xac!");
}

TEST(BedrockWire, StopReasons) {
  EXPECT_TRUE(DecodeIt(Stream("max_tokens")).truncated);
  EXPECT_TRUE(DecodeIt(Stream("model_context_window_exceeded")).truncated);
  EXPECT_EQ(DecodeIt(Stream("guardrail_intervened")).failure, CallFailure::kFiltered);
  EXPECT_EQ(DecodeIt(Stream("content_filtered")).failure, CallFailure::kFiltered);
  EXPECT_EQ(DecodeIt(Stream("content_filtered")).usage.output, 9);
}

TEST(BedrockWire, Exceptions) {
  const std::string start = BedrockEvent("contentBlockDelta", R"({"delta":{"text":"half"}})");
  const auto with = [&](const char* type) { return DecodeIt(start + BedrockException(type, R"({"message":"Try later"})")); };
  const ChatReply throttled = with("throttlingException");
  EXPECT_EQ(throttled.failure, CallFailure::kRateLimited);
  EXPECT_EQ(throttled.reason, "throttlingException: Try later");
  EXPECT_EQ(throttled.text, "half");
  EXPECT_EQ(with("internalServerException").failure, CallFailure::kServer);
  EXPECT_EQ(with("modelStreamErrorException").failure, CallFailure::kServer);
  EXPECT_EQ(with("serviceUnavailableException").failure, CallFailure::kServer);
  EXPECT_EQ(with("validationException").failure, CallFailure::kRefused);
  const ChatReply error = DecodeIt(BinaryFrame({{":message-type", "error"}, {":error-code", "InternalError"}, {":error-message", "Oops"}}, ""));
  EXPECT_EQ(error.failure, CallFailure::kServer);
  EXPECT_EQ(error.reason, "InternalError: Oops");
}

TEST(BedrockWire, DamageAndWrongContent) {
  const auto wire = MakeBedrockWire();
  std::string damaged = Stream("end_turn");
  damaged[damaged.size() / 2] ^= 1;
  EXPECT_EQ(DecodeEveryWay(*wire, damaged).failure, CallFailure::kBroken);
  EXPECT_EQ(DecodeEveryWay(*wire, "<html>Sign in to the proxy</html>").failure, CallFailure::kMalformed);
  const ChatReply json = DecodeEveryWay(*wire, R"({"message":"The security token is expired","__type":"ExpiredTokenException"})");
  EXPECT_EQ(json.failure, CallFailure::kAuth);
  EXPECT_EQ(json.reason, "The security token is expired");
  EXPECT_EQ(DecodeEveryWay(*wire, "{}").failure, CallFailure::kMalformed);
  EXPECT_EQ(DecodeEveryWay(*wire, "").failure, CallFailure::kBroken);
  EXPECT_EQ(DecodeIt(BedrockEvent("contentBlockDelta", "not json")).failure, CallFailure::kMalformed);
}

}  // namespace
}  // namespace ose
