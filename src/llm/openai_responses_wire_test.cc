#include "llm/wire_testing.h"

namespace ose {
namespace {

using nlohmann::json;

// OpenAI API reference, "Create a model response".
const std::vector<SchemaField> kSchema = {
    {"model", "string", true},    {"input", "string", true},
    {"instructions", "string"},   {"stream", "boolean", true},
    {"store", "boolean"},         {"max_output_tokens", "integer"},
    {"temperature", "number"},    {"reasoning", "object"},
    {"reasoning.effort", "string"},
};

Endpoint OpenAi(const std::string& model) {
  Endpoint endpoint;
  endpoint.base_url = "https://api.openai.com/v1";
  endpoint.key = "k-123";
  endpoint.model = model;
  return endpoint;
}

TEST(OpenAiResponsesWire, Request) {
  const HttpRequest http = MakeOpenAiResponsesWire()->Encode(OpenAi("gpt-4.1"), TestRequest());
  EXPECT_EQ(http.url, "https://api.openai.com/v1/responses");
  EXPECT_EQ(HeaderOf(http, "Authorization"), "Bearer k-123");
  EXPECT_EQ(HeaderOf(http, "Content-Type"), "application/json");
  const json body = json::parse(http.body);
  EXPECT_EQ(body, json({{"model", "gpt-4.1"},
                        {"instructions", "You write \"schedulers\"."},
                        {"input", kTestUserAsSent},
                        {"stream", true},
                        {"store", false},
                        {"max_output_tokens", 2000},
                        {"temperature", 0.5}}));
  ExpectFollowsSchema(body, kSchema);
}

TEST(OpenAiResponsesWire, EffortOfAReasoningModel) {
  ChatRequest request = TestRequest();
  request.effort = "minimal";
  const json body = json::parse(MakeOpenAiResponsesWire()->Encode(OpenAi("gpt-5"), request).body);
  EXPECT_EQ(body["reasoning"], json({{"effort", "minimal"}}));
  EXPECT_FALSE(body.contains("temperature"));
  ExpectFollowsSchema(body, kSchema);
}

std::string Event(const std::string& type, const std::string& members) {
  return "event: " + type + "\ndata: {\"type\":\"" + type + "\",\"sequence_number\":1" + (members.empty() ? "" : "," + members) + "}\n\n";
}
const char kUsage[] =
    R"("usage":{"input_tokens":37,"input_tokens_details":{"cached_tokens":30},"output_tokens":11,"output_tokens_details":{"reasoning_tokens":4},"total_tokens":48})";

std::string Start() {
  return Event("response.created", R"("response":{"id":"resp_1","status":"in_progress","error":null,"incomplete_details":null,"model":"gpt-5-2025-08-07","output":[],"usage":null})") +
         Event("response.output_item.added", R"("output_index":0,"item":{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","content":[]})") +
         Event("response.content_part.added", R"("item_id":"msg_1","output_index":0,"content_index":0,"part":{"type":"output_text","text":"","annotations":[]})") +
         Event("response.output_text.delta", R"("item_id":"msg_1","output_index":0,"content_index":0,"delta":"Hi")") +
         Event("response.output_text.delta", R"("item_id":"msg_1","output_index":0,"content_index":0,"delta":" there")");
}
std::string Whole() {
  return Start() + Event("response.output_text.done", R"("item_id":"msg_1","output_index":0,"content_index":0,"text":"Hi there")") +
         Event("response.completed", std::string(R"("response":{"id":"resp_1","status":"completed","error":null,"model":"gpt-5-2025-08-07",)") + kUsage + "}");
}

ChatReply DecodeIt(const std::string& stream) { return Decode(*MakeOpenAiResponsesWire(), stream); }

TEST(OpenAiResponsesWire, DecodesAStream) {
  const auto wire = MakeOpenAiResponsesWire();
  EXPECT_EQ(Describe(DecodeEveryWay(*wire, Whole())), "none |  | Hi there | whole | gpt-5-2025-08-07 | 37 30 0 11 4 reported");
  ExpectPrefixesAreBroken(*wire, Whole(), "Hi there");
}

TEST(OpenAiResponsesWire, Incomplete) {
  const std::string end = R"("response":{"status":"incomplete","error":null,"incomplete_details":{"reason":")";
  const ChatReply cut = DecodeIt(Start() + Event("response.incomplete", end + "max_output_tokens\"}," + kUsage + "}"));
  EXPECT_TRUE(cut.ok());
  EXPECT_TRUE(cut.truncated);
  EXPECT_EQ(cut.usage.output, 11);
  EXPECT_EQ(DecodeIt(Start() + Event("response.incomplete", end + "content_filter\"}}")).failure, CallFailure::kFiltered);
}

TEST(OpenAiResponsesWire, FailuresInTheMiddle) {
  const ChatReply failed = DecodeIt(
      Start() + Event("response.failed", R"("response":{"status":"failed","error":{"code":"server_error","message":"The model failed"},"usage":null})"));
  EXPECT_EQ(failed.failure, CallFailure::kServer);
  EXPECT_EQ(failed.reason, "The model failed");
  EXPECT_EQ(failed.text, "Hi there");
  const ChatReply error = DecodeIt(Event("error", R"("code":"rate_limit_exceeded","message":"Slow down","param":null)"));
  EXPECT_EQ(error.failure, CallFailure::kRateLimited);
  EXPECT_EQ(error.reason, "Slow down");
  EXPECT_EQ(DecodeIt(Event("response.failed", R"("response":{"status":"failed"})")).failure, CallFailure::kServer);
}

TEST(OpenAiResponsesWire, Refusal) {
  const ChatReply reply = DecodeIt(Event("response.refusal.delta", R"("delta":"I can't")") +
                                   Event("response.refusal.done", R"("refusal":"I can't")") +
                                   Event("response.completed", std::string("\"response\":{") + kUsage + "}"));
  EXPECT_EQ(reply.failure, CallFailure::kFiltered);
  EXPECT_EQ(reply.reason, "declined: I can't");
  EXPECT_TRUE(reply.usage.reported);
}

TEST(OpenAiResponsesWire, MissingUsageAndUnknownEvents) {
  const ChatReply reply = DecodeIt(Start() + Event("response.something.new", "\"x\":[1]") + Event("response.completed", "\"response\":{}"));
  EXPECT_TRUE(reply.ok());
  EXPECT_FALSE(reply.usage.reported);
  EXPECT_EQ(DecodeIt("event: x\ndata: nope\n\n").failure, CallFailure::kMalformed);
}

}  // namespace
}  // namespace ose
