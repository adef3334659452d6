#include "llm/openai_chat.h"
#include "llm/wire_testing.h"

namespace ose {
namespace {

using nlohmann::json;

// OpenAI API reference, "Create chat completion": what this program may use of it.
const std::vector<SchemaField> kOpenAiSchema = {
    {"model", "string", true},
    {"messages", "array", true},
    {"messages[]", "object", true},
    {"messages[].role", "string", true},
    {"messages[].content", "string", true},
    {"stream", "boolean", true},
    {"stream_options", "object"},
    {"stream_options.include_usage", "boolean"},
    {"max_completion_tokens", "integer"},
    {"temperature", "number"},
    {"reasoning_effort", "string"},
};
// vLLM, llama.cpp, Ollama, DeepSeek: max_tokens in the place of max_completion_tokens.
std::vector<SchemaField> CompatibleSchema() {
  std::vector<SchemaField> schema = kOpenAiSchema;
  for (SchemaField& f : schema)
    if (f.path == std::string("max_completion_tokens")) f.path = "max_tokens";
  return schema;
}

Endpoint At(const std::string& url, const std::string& model, const std::string& key = "k-123") {
  Endpoint endpoint;
  endpoint.base_url = url;
  endpoint.key = key;
  endpoint.model = model;
  return endpoint;
}

json BodyOf(const Endpoint& endpoint, const ChatRequest& request) {
  return json::parse(MakeOpenAiChatWire()->Encode(endpoint, request).body);
}

TEST(OpenAiChatWire, RequestToOpenAi) {
  const HttpRequest http = MakeOpenAiChatWire()->Encode(At("https://api.openai.com/v1", "gpt-4.1"), TestRequest());
  EXPECT_EQ(http.url, "https://api.openai.com/v1/chat/completions");
  EXPECT_EQ(HeaderOf(http, "Authorization"), "Bearer k-123");
  EXPECT_EQ(HeaderOf(http, "Content-Type"), "application/json");
  EXPECT_EQ(HeaderOf(http, "Accept"), "text/event-stream");
  EXPECT_EQ(http.headers.size(), 3u);
  EXPECT_FALSE(http.aws);
  const json body = json::parse(http.body);
  EXPECT_EQ(body, json({{"model", "gpt-4.1"},
                        {"messages",
                         json::array({{{"role", "system"}, {"content", "You write \"schedulers\"."}},
                                      {{"role", "user"}, {"content", kTestUserAsSent}}})},
                        {"stream", true},
                        {"stream_options", {{"include_usage", true}}},
                        {"max_completion_tokens", 2000},
                        {"temperature", 0.5}}));
  ExpectFollowsSchema(body, kOpenAiSchema);
}

TEST(OpenAiChatWire, ReasoningModelsTakeEffortAndNoTemperature) {
  ChatRequest request = TestRequest();
  request.effort = "low";
  const json body = BodyOf(At("https://api.openai.com/v1", "gpt-5-mini"), request);
  EXPECT_EQ(body["reasoning_effort"], "low");
  EXPECT_FALSE(body.contains("temperature"));
  ExpectFollowsSchema(body, kOpenAiSchema);
  for (const char* model : {"o3", "o4-mini", "gpt-5", "openai/gpt-5.1"}) EXPECT_TRUE(IsOpenAiReasoningModel(model)) << model;
  for (const char* model : {"gpt-4o", "gpt-5-chat-latest", "omni", "o", "gpt-oss:20b", "olmo"})
    EXPECT_FALSE(IsOpenAiReasoningModel(model)) << model;
}

TEST(OpenAiChatWire, RequestToACompatibleServer) {
  ChatRequest request = TestRequest();
  request.effort = "high";
  const HttpRequest http = MakeOpenAiChatWire()->Encode(At("http://localhost:8000/v1", "qwen", ""), request);
  EXPECT_EQ(http.url, "http://localhost:8000/v1/chat/completions");
  EXPECT_EQ(HeaderOf(http, "Authorization"), "");
  const json body = json::parse(http.body);
  EXPECT_EQ(body["max_tokens"], 2000);
  EXPECT_EQ(body["temperature"], 0.5);
  EXPECT_EQ(body["reasoning_effort"], "high");
  ExpectFollowsSchema(body, CompatibleSchema());
}

TEST(OpenAiChatWire, WhatIsAbsentIsLeftOut) {
  ChatRequest request;
  request.user = "hi";
  const json body = BodyOf(At("http://localhost:8000/v1", "m"), request);
  EXPECT_EQ(body["messages"].size(), 1u);
  EXPECT_FALSE(body.contains("temperature"));
  EXPECT_FALSE(body.contains("reasoning_effort"));
  ExpectFollowsSchema(body, CompatibleSchema());
}

TEST(OpenAiChatWire, RequestToOpenRouter) {
  ChatRequest request = TestRequest();
  request.effort = "medium";
  const json body = BodyOf(At("https://openrouter.ai/api/v1", "anthropic/claude-sonnet-4.5"), request);
  EXPECT_EQ(body["messages"][0]["content"],
            json::array({{{"type", "text"}, {"text", request.system}, {"cache_control", {{"type", "ephemeral"}}}}}));
  std::vector<SchemaField> schema = CompatibleSchema();
  for (const SchemaField& f : std::vector<SchemaField>{{"messages[].content", "array"},
                                                       {"messages[].content[]", "object"},
                                                       {"messages[].content[].type", "string"},
                                                       {"messages[].content[].text", "string"},
                                                       {"messages[].content[].cache_control", "object"},
                                                       {"messages[].content[].cache_control.type", "string"},
                                                       {"reasoning", "object"},
                                                       {"reasoning.effort", "string"}})
    schema.push_back(f);
  ExpectFollowsSchema(body, schema);
  EXPECT_EQ(body["reasoning"], json({{"effort", "medium"}}));
  EXPECT_EQ(BodyOf(At("https://openrouter.ai/api/v1", "deepseek/deepseek-chat"), request)["messages"][0]["content"], request.system);
}

TEST(OpenAiChatWire, DialectGoesByHost) {
  EXPECT_EQ(DialectOf(At("https://api.openai.com/v1", "x")), ChatDialect::kOpenAi);
  EXPECT_EQ(DialectOf(At("https://eu.api.openai.com:443/v1", "x")), ChatDialect::kOpenAi);
  EXPECT_EQ(DialectOf(At("https://notopenai.com/v1", "x")), ChatDialect::kCompatible);
  EXPECT_EQ(DialectOf(At("https://openai.com.example/v1", "x")), ChatDialect::kCompatible);
  EXPECT_EQ(DialectOf(At("http://proxy:4000", "gpt-5")), ChatDialect::kOpenAi);
  EXPECT_EQ(DialectOf(At("https://openrouter.ai/api/v1", "openai/gpt-5")), ChatDialect::kOpenRouter);
}

TEST(AzureWire, Request) {
  Endpoint endpoint = At("https://res.openai.azure.com", "my deployment");
  endpoint.api_version = "2025-04-01-preview";
  const HttpRequest http = MakeAzureWire()->Encode(endpoint, TestRequest());
  EXPECT_EQ(http.url,
            "https://res.openai.azure.com/openai/deployments/my%20deployment/chat/completions?api-version=2025-04-01-preview");
  EXPECT_EQ(HeaderOf(http, "api-key"), "k-123");
  EXPECT_EQ(HeaderOf(http, "Authorization"), "");
  ExpectFollowsSchema(json::parse(http.body), kOpenAiSchema);
}

// As in the reference's example of a streamed reply, with usage.
constexpr char kStream[] =
    R"(data: {"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o-mini-2024-07-18","system_fingerprint":"fp_44709d6fcb","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-123","object":"chat.completion.chunk","model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-123","object":"chat.completion.chunk","model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"delta":{"content":" €\n"},"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-123","object":"chat.completion.chunk","model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}

data: {"id":"chatcmpl-123","object":"chat.completion.chunk","model":"gpt-4o-mini-2024-07-18","choices":[],"usage":{"prompt_tokens":120,"completion_tokens":30,"total_tokens":150,"prompt_tokens_details":{"cached_tokens":100},"completion_tokens_details":{"reasoning_tokens":20}}}

data: [DONE]

)";

TEST(OpenAiChatWire, DecodesAStream) {
  const auto wire = MakeOpenAiChatWire();
  EXPECT_EQ(Describe(DecodeEveryWay(*wire, kStream)),
            "none |  | Hello \xe2\x82\xac\n | whole | gpt-4o-mini-2024-07-18 | 120 100 0 30 20 reported");
  ExpectPrefixesAreBroken(*wire, kStream, "Hello \xe2\x82\xac\n");
}

std::string Chunk(const std::string& choice) { return "data: {\"model\":\"m\",\"choices\":[" + choice + "]}\n\n"; }
std::string Text(const std::string& text, const std::string& finish = "") {
  return Chunk(R"({"delta":{"content":")" + text + R"("},"finish_reason":)" + (finish.empty() ? "null" : '"' + finish + '"') + "}");
}

ChatReply DecodeChat(const std::string& stream, bool complete = true) { return Decode(*MakeOpenAiChatWire(), stream, complete); }

TEST(OpenAiChatWire, LengthIsTruncated) {
  const ChatReply reply = DecodeChat(Text("half", "length"));
  EXPECT_TRUE(reply.ok());
  EXPECT_TRUE(reply.truncated);
  EXPECT_FALSE(reply.usage.reported);
  const ChatReply empty = DecodeChat(Text("", "length"));
  EXPECT_EQ(empty.failure, CallFailure::kEmpty);
  EXPECT_NE(empty.reason.find("raise max_tokens"), std::string::npos);
}

TEST(OpenAiChatWire, RefusalAndFilterAreNoText) {
  const ChatReply refused = DecodeChat(Chunk(R"({"delta":{"refusal":"I cannot "}})") + Chunk(R"({"delta":{"refusal":"do that"}})") +
                                       Chunk(R"({"delta":{},"finish_reason":"stop"})"));
  EXPECT_EQ(refused.failure, CallFailure::kFiltered);
  EXPECT_EQ(refused.reason, "declined: I cannot do that");
  EXPECT_EQ(DecodeChat(Text("a", "content_filter")).failure, CallFailure::kFiltered);
}

TEST(OpenAiChatWire, ErrorsInTheMiddle) {
  // OpenRouter, "Errors": mid-stream.
  const ChatReply reply = DecodeChat(
      Text("half") +
      R"(data: {"id":"x","error":{"code":502,"message":"Provider disconnected"},"choices":[{"delta":{"content":""},"finish_reason":"error"}]})"
      "\n\n");
  EXPECT_EQ(reply.failure, CallFailure::kServer);
  EXPECT_EQ(reply.reason, "Provider disconnected");
  EXPECT_EQ(reply.text, "half");
  EXPECT_EQ(DecodeChat(R"(data: {"error":{"message":"slow down","type":"rate_limit_error"}})" "\n\n").failure, CallFailure::kRateLimited);
  EXPECT_EQ(DecodeChat(R"(data: {"error":"boom"})" "\n\n").failure, CallFailure::kServer);
  EXPECT_EQ(DecodeChat("data: {\"error\":{}}\n\n").reason, "the provider reported an error without a message");
  EXPECT_EQ(DecodeChat(Text("a", "insufficient_system_resource")).failure, CallFailure::kServer);
}

TEST(OpenAiChatWire, DeepSeekUsageAndReasoningAreUnderstood) {
  const ChatReply reply = DecodeChat(
      ": keep-alive\n\n" + Chunk(R"({"delta":{"content":null,"reasoning_content":"hm"}})") +
      R"(data: {"model":"deepseek-chat","choices":[{"delta":{"content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":4,"prompt_cache_hit_tokens":8,"prompt_cache_miss_tokens":1}})"
      "\n\ndata: [DONE]\n\n");
  EXPECT_EQ(Describe(reply), "none |  | x | whole | deepseek-chat | 9 8 0 4 0 reported");
}

TEST(OpenAiChatWire, WrongContent) {
  const auto wire = MakeOpenAiChatWire();
  const ChatReply html = DecodeEveryWay(*wire, "<!DOCTYPE html><html><body>Sign in to the proxy</body></html>");
  EXPECT_EQ(html.failure, CallFailure::kMalformed);
  EXPECT_NE(html.reason.find("proxy"), std::string::npos);
  EXPECT_EQ(DecodeEveryWay(*wire, "data: {\"choices\": [\n\n").failure, CallFailure::kMalformed);
  EXPECT_EQ(DecodeEveryWay(*wire, R"({"error":{"message":"no such model","code":"model_not_found"}})").failure,
            CallFailure::kUnknownModel);
  EXPECT_EQ(DecodeEveryWay(*wire, R"({"choices":[]})").failure, CallFailure::kMalformed);
  EXPECT_EQ(DecodeEveryWay(*wire, "").failure, CallFailure::kBroken);
  EXPECT_EQ(DecodeEveryWay(*wire, "data: [DONE]\n\n").failure, CallFailure::kEmpty);
  EXPECT_EQ(DecodeChat("data: {\"choices\":[{\"delta\":{\"content\":7},\"finish_reason\":9}]}\n\n").failure, CallFailure::kBroken);
}

TEST(OpenAiChatWire, DamagedTextBecomesValid) {
  EXPECT_EQ(DecodeChat(Text("a\xff\\ud83d", "stop")).text, "a\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(OpenAiChatWire, AStreamWithoutItsLastEmptyLineIsWhole) {
  EXPECT_TRUE(DecodeChat(Text("a") + "data: [DONE]").ok());
  EXPECT_EQ(DecodeChat(Text("a") + "data: {\"choi").failure, CallFailure::kBroken);
}

}  // namespace
}  // namespace ose
