#include "llm/claude_thinking.h"
#include "llm/wire_testing.h"

namespace ose {
namespace {

using nlohmann::json;

// Claude API, "Create a Message".
const std::vector<SchemaField> kSchema = {
    {"model", "string", true},
    {"max_tokens", "integer", true},
    {"messages", "array", true},
    {"messages[]", "object", true},
    {"messages[].role", "string", true},
    {"messages[].content", "string", true},
    {"stream", "boolean"},
    {"system", "array"},
    {"system[]", "object"},
    {"system[].type", "string"},
    {"system[].text", "string"},
    {"system[].cache_control", "object"},
    {"system[].cache_control.type", "string"},
    {"temperature", "number"},
    {"thinking", "object"},
    {"thinking.type", "string"},
    {"thinking.budget_tokens", "integer"},
    {"output_config", "object"},
    {"output_config.effort", "string"},
};

HttpRequest EncodeFor(const std::string& model, const ChatRequest& request, const std::string& url = "https://api.anthropic.com") {
  Endpoint endpoint;
  endpoint.base_url = url;
  endpoint.key = "k-123";
  endpoint.model = model;
  return MakeAnthropicWire()->Encode(endpoint, request);
}

TEST(AnthropicWire, Request) {
  const HttpRequest http = EncodeFor("claude-sonnet-4-5", TestRequest());
  EXPECT_EQ(http.url, "https://api.anthropic.com/v1/messages");
  EXPECT_EQ(HeaderOf(http, "x-api-key"), "k-123");
  EXPECT_EQ(HeaderOf(http, "anthropic-version"), "2023-06-01");
  EXPECT_EQ(HeaderOf(http, "Content-Type"), "application/json");
  EXPECT_EQ(HeaderOf(http, "Authorization"), "");
  const json body = json::parse(http.body);
  EXPECT_EQ(body, json({{"model", "claude-sonnet-4-5"},
                        {"max_tokens", 2000},
                        {"system", json::array({{{"type", "text"},
                                                 {"text", "You write \"schedulers\"."},
                                                 {"cache_control", {{"type", "ephemeral"}}}}})},
                        {"messages", json::array({{{"role", "user"}, {"content", kTestUserAsSent}}})},
                        {"stream", true},
                        {"temperature", 0.5}}));
  ExpectFollowsSchema(body, kSchema);
  EXPECT_EQ(EncodeFor("m", TestRequest(), "http://localhost:9/v1").url, "http://localhost:9/v1/messages");
}

TEST(AnthropicWire, ThinkingBudgetStaysBelowMaxTokens) {
  for (const char* effort : {"minimal", "low", "medium", "high"})
    for (int64_t max : {100, 1365, 1366, 2000, 16'000, 64'000}) {
      ChatRequest request = TestRequest();
      request.effort = effort;
      request.max_output_tokens = max;
      const json body = json::parse(EncodeFor("claude-sonnet-4-5-20250929", request).body);
      ExpectFollowsSchema(body, kSchema);
      EXPECT_FALSE(body.contains("output_config"));
      ASSERT_EQ(body.contains("thinking"), max >= 1366) << effort << max;
      ASSERT_NE(body.contains("thinking"), body.contains("temperature"));
      if (!body.contains("thinking")) continue;
      EXPECT_EQ(body["thinking"]["type"], "enabled");
      EXPECT_GE(body["thinking"]["budget_tokens"], 1024);
      EXPECT_LT(body["thinking"]["budget_tokens"], max);
    }
}

TEST(AnthropicWire, LaterModelsThinkAdaptively) {
  ChatRequest request = TestRequest();
  request.effort = "high";
  const json body = json::parse(EncodeFor("claude-opus-4-6", request).body);
  EXPECT_EQ(body["thinking"], json({{"type", "adaptive"}}));
  EXPECT_EQ(body["output_config"], json({{"effort", "high"}}));
  EXPECT_FALSE(body.contains("temperature"));
  ExpectFollowsSchema(body, kSchema);
  request.effort = "minimal";
  EXPECT_EQ(json::parse(EncodeFor("claude-sonnet-5", request).body)["output_config"]["effort"], "low");
}

TEST(AnthropicWire, TemperatureAndThinkingByModel) {
  ChatRequest request = TestRequest();
  EXPECT_TRUE(json::parse(EncodeFor("claude-opus-4-6", request).body).contains("temperature"));
  EXPECT_FALSE(json::parse(EncodeFor("claude-opus-4-7", request).body).contains("temperature"));
  request.temperature = 1.5;
  EXPECT_EQ(json::parse(EncodeFor("claude-3-5-haiku-latest", request).body)["temperature"], 1.0);
  request.effort = "high";
  EXPECT_FALSE(json::parse(EncodeFor("claude-3-5-haiku-latest", request).body).contains("thinking"));
}

TEST(ClaudeThinking, VersionOfAModel) {
  EXPECT_EQ(ClaudeVersion("claude-sonnet-4-5-20250929"), 405);
  EXPECT_EQ(ClaudeVersion("claude-sonnet-4-20250514"), 400);
  EXPECT_EQ(ClaudeVersion("claude-3-7-sonnet-20250219"), 307);
  EXPECT_EQ(ClaudeVersion("claude-3-opus-20240229"), 300);
  EXPECT_EQ(ClaudeVersion("claude-opus-4.7"), 407);
  EXPECT_EQ(ClaudeVersion("claude-sonnet-5"), 500);
  EXPECT_EQ(ClaudeVersion("us.anthropic.claude-sonnet-4-5-20250929-v1:0"), 405);
  EXPECT_EQ(ClaudeVersion("anthropic.claude-opus-4-20250514-v1:0"), 400);
  EXPECT_EQ(ClaudeVersion("claude-latest"), 0);
  EXPECT_EQ(ClaudeVersion("gpt-5"), 0);
}

// "Streaming Messages", the basic example with a cache and thinking added.
constexpr char kStream[] =
    R"(event: message_start
data: {"type":"message_start","message":{"id":"msg_1nZdL29xx5MUA1yADyHTEsnR8uuvGzszyY","type":"message","role":"assistant","content":[],"model":"claude-opus-4-6","stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":25,"cache_creation_input_tokens":7,"cache_read_input_tokens":1000,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}

event: ping
data: {"type":"ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EqQB"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hello"}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"!"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":15}}

event: message_stop
data: {"type":"message_stop"}

)";

TEST(AnthropicWire, DecodesAStream) {
  const auto wire = MakeAnthropicWire();
  EXPECT_EQ(Describe(DecodeEveryWay(*wire, kStream)), "none |  | Hello! | whole | claude-opus-4-6 | 1032 1000 7 15 0 reported");
  ExpectPrefixesAreBroken(*wire, kStream, "Hello!");
}

TEST(AnthropicWire, ACutStreamTellsWhatItUsedSoFar) {
  const std::string_view stream = kStream;
  const ChatReply reply = Decode(*MakeAnthropicWire(), stream.substr(0, stream.find("event: message_delta")), false);
  EXPECT_EQ(Describe(reply), "broken stream | the reply ended in the middle | Hello! | whole | claude-opus-4-6 | 1032 1000 7 1 0 unreported");
}

std::string Event(const std::string& json) { return "data: " + json + "\n\n"; }
std::string Stop(const std::string& reason) {
  return Event(R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"abc"}})") +
         Event(R"({"type":"message_delta","delta":{"stop_reason":")" + reason + R"("},"usage":{"input_tokens":3,"output_tokens":5}})") +
         Event(R"({"type":"message_stop"})");
}
ChatReply DecodeIt(const std::string& stream) { return Decode(*MakeAnthropicWire(), stream); }

TEST(AnthropicWire, StopReasons) {
  EXPECT_TRUE(DecodeIt(Stop("max_tokens")).truncated);
  EXPECT_TRUE(DecodeIt(Stop("model_context_window_exceeded")).truncated);
  EXPECT_FALSE(DecodeIt(Stop("end_turn")).truncated);
  const ChatReply refused = DecodeIt(Stop("refusal"));
  EXPECT_EQ(refused.failure, CallFailure::kFiltered);
  EXPECT_EQ(refused.usage.input, 3);
  EXPECT_TRUE(refused.usage.reported);
}

TEST(AnthropicWire, ErrorEvents) {
  const auto with = [](const char* type) {
    return DecodeIt(Event(R"({"type":"error","error":{"type":")" + std::string(type) + R"(","message":"Overloaded"}})"));
  };
  EXPECT_EQ(with("overloaded_error").failure, CallFailure::kServer);
  EXPECT_EQ(with("overloaded_error").reason, "Overloaded");
  EXPECT_EQ(with("api_error").failure, CallFailure::kServer);
  EXPECT_EQ(with("rate_limit_error").failure, CallFailure::kRateLimited);
  EXPECT_EQ(with("invalid_request_error").failure, CallFailure::kRefused);
  EXPECT_EQ(with("authentication_error").failure, CallFailure::kAuth);
  EXPECT_EQ(with("timeout_error").failure, CallFailure::kTimeout);
}

TEST(AnthropicWire, WithoutUsageOrText) {
  const ChatReply reply = DecodeIt(Event(R"({"type":"message_stop"})"));
  EXPECT_EQ(reply.failure, CallFailure::kEmpty);
  EXPECT_FALSE(reply.usage.reported);
}

}  // namespace
}  // namespace ose
