#include "llm/wire_testing.h"

namespace ose {
namespace {

using nlohmann::json;

// Gemini API, "models.streamGenerateContent" and GenerationConfig.
const std::vector<SchemaField> kSchema = {
    {"contents", "array", true},
    {"contents[]", "object", true},
    {"contents[].role", "string"},
    {"contents[].parts", "array", true},
    {"contents[].parts[]", "object", true},
    {"contents[].parts[].text", "string", true},
    {"systemInstruction", "object"},
    {"systemInstruction.parts", "array"},
    {"systemInstruction.parts[]", "object"},
    {"systemInstruction.parts[].text", "string"},
    {"generationConfig", "object"},
    {"generationConfig.maxOutputTokens", "integer"},
    {"generationConfig.temperature", "number"},
    {"generationConfig.thinkingConfig", "object"},
    {"generationConfig.thinkingConfig.thinkingBudget", "integer"},
    {"generationConfig.thinkingConfig.thinkingLevel", "string"},
};

HttpRequest EncodeFor(const std::string& model, const ChatRequest& request) {
  Endpoint endpoint;
  endpoint.base_url = "https://generativelanguage.googleapis.com/v1beta";
  endpoint.key = "k-123";
  endpoint.model = model;
  return MakeGeminiWire()->Encode(endpoint, request);
}

TEST(GeminiWire, Request) {
  const HttpRequest http = EncodeFor("gemini-2.5-flash", TestRequest());
  EXPECT_EQ(http.url, "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse");
  EXPECT_EQ(HeaderOf(http, "x-goog-api-key"), "k-123");
  EXPECT_EQ(http.url.find("k-123"), std::string::npos);
  const json body = json::parse(http.body);
  EXPECT_EQ(body, json({{"systemInstruction", {{"parts", json::array({{{"text", "You write \"schedulers\"."}}})}}},
                        {"contents", json::array({{{"role", "user"}, {"parts", json::array({{{"text", kTestUserAsSent}}})}}})},
                        {"generationConfig", {{"maxOutputTokens", 2000}, {"temperature", 0.5}}}}));
  ExpectFollowsSchema(body, kSchema);
  EXPECT_EQ(EncodeFor("models/gemini-2.5-flash", TestRequest()).url, http.url);
  EXPECT_NE(EncodeFor("a/../b", TestRequest()).url.find("/models/a%2F..%2Fb:"), std::string::npos);
}

json Thinking(const std::string& model, const std::string& effort, int64_t max_tokens = 64'000) {
  ChatRequest request = TestRequest();
  request.effort = effort;
  request.max_output_tokens = max_tokens;
  const json body = json::parse(EncodeFor(model, request).body);
  ExpectFollowsSchema(body, kSchema);
  return body["generationConfig"].value("thinkingConfig", json());
}

TEST(GeminiWire, ThinkingByModel) {
  EXPECT_EQ(Thinking("gemini-2.5-pro", "low"), json({{"thinkingBudget", 2048}}));
  EXPECT_EQ(Thinking("gemini-2.5-pro", "high"), json({{"thinkingBudget", 24576}}));
  EXPECT_EQ(Thinking("gemini-2.5-pro", "high", 8000), json({{"thinkingBudget", 6000}}));
  EXPECT_EQ(Thinking("gemini-3-pro-preview", "high"), json({{"thinkingLevel", "high"}}));
  EXPECT_EQ(Thinking("gemini-3-pro-preview", "minimal"), json({{"thinkingLevel", "low"}}));
  EXPECT_EQ(Thinking("gemini-3-flash-preview", "minimal"), json({{"thinkingLevel", "minimal"}}));
  EXPECT_EQ(Thinking("gemini-flash-latest", "low"), json({{"thinkingLevel", "low"}}));
  EXPECT_EQ(Thinking("gemini-2.0-flash", "high"), json());
  EXPECT_EQ(Thinking("gemma-3-27b-it", "high"), json());
  EXPECT_EQ(Thinking("gemini-2.5-pro", ""), json());
}

constexpr char kStream[] =
    "data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"plan\",\"thought\": true}],\"role\": \"model\"},\"index\": 0}],"
    "\"usageMetadata\": {\"promptTokenCount\": 50,\"totalTokenCount\": 52,\"thoughtsTokenCount\": 2},\"modelVersion\": \"gemini-2.5-flash\"}\r\n\r\n"
    "data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"Hel\"},{\"text\": \"lo\"}],\"role\": \"model\"},\"index\": 0}],"
    "\"usageMetadata\": {\"promptTokenCount\": 50,\"candidatesTokenCount\": 1,\"totalTokenCount\": 60,\"thoughtsTokenCount\": 9},\"modelVersion\": \"gemini-2.5-flash\"}\r\n\r\n"
    "data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"!\"}],\"role\": \"model\"},\"finishReason\": \"STOP\",\"index\": 0}],"
    "\"usageMetadata\": {\"promptTokenCount\": 50,\"candidatesTokenCount\": 4,\"totalTokenCount\": 63,\"cachedContentTokenCount\": 40,\"thoughtsTokenCount\": 9},"
    "\"modelVersion\": \"gemini-2.5-flash\",\"responseId\": \"x\"}\r\n\r\n";

TEST(GeminiWire, DecodesAStream) {
  const auto wire = MakeGeminiWire();
  EXPECT_EQ(Describe(DecodeEveryWay(*wire, kStream)), "none |  | Hello! | whole | gemini-2.5-flash | 50 40 0 13 9 reported");
  ExpectPrefixesAreBroken(*wire, kStream, "Hello!");
  const std::string_view stream = kStream;
  EXPECT_FALSE(Decode(*wire, stream.substr(0, stream.size() / 2), false).usage.reported);
}

ChatReply DecodeIt(const std::string& json) { return Decode(*MakeGeminiWire(), "data: " + json + "\n\n"); }
ChatReply Finished(const std::string& reason) {
  return DecodeIt(R"({"candidates":[{"content":{"parts":[{"text":"abc"}]},"finishReason":")" + reason +
                  R"("}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":2}})");
}

TEST(GeminiWire, FinishReasons) {
  EXPECT_TRUE(Finished("MAX_TOKENS").truncated);
  EXPECT_TRUE(Finished("STOP").ok());
  for (const char* reason : {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"}) {
    EXPECT_EQ(Finished(reason).failure, CallFailure::kFiltered) << reason;
    EXPECT_NE(Finished(reason).reason.find(reason), std::string::npos);
  }
  EXPECT_EQ(Finished("OTHER").failure, CallFailure::kServer);
  EXPECT_EQ(Finished("OTHER").usage.output, 2);
  EXPECT_TRUE(Finished("OTHER").usage.reported);
}

TEST(GeminiWire, ABlockedPrompt) {
  const ChatReply reply = DecodeIt(
      R"({"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":12559,"totalTokenCount":12559},"modelVersion":"gemini-x"})");
  EXPECT_EQ(reply.failure, CallFailure::kFiltered);
  EXPECT_NE(reply.reason.find("PROHIBITED_CONTENT"), std::string::npos);
  EXPECT_EQ(reply.usage.input, 12559);
  EXPECT_TRUE(reply.usage.reported);
}

TEST(GeminiWire, ErrorsInTheMiddle) {
  const ChatReply reply = DecodeIt(R"({"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}})");
  EXPECT_EQ(reply.failure, CallFailure::kServer);
  EXPECT_EQ(reply.reason, "The model is overloaded.");
  EXPECT_EQ(DecodeIt(R"({"error":{"code":429,"message":"Quota","status":"RESOURCE_EXHAUSTED"}})").failure, CallFailure::kRateLimited);
}

TEST(GeminiWire, WrongContent) {
  EXPECT_EQ(DecodeIt(R"({"candidates":[{"content":{"parts":{"text":"x"}},"finishReason":"STOP"}]})").failure, CallFailure::kEmpty);
  EXPECT_EQ(DecodeIt(R"({"candidates":"x"})").failure, CallFailure::kBroken);
  EXPECT_EQ(DecodeIt("[1,2]").failure, CallFailure::kMalformed);
}

}  // namespace
}  // namespace ose
