// Amazon Bedrock API reference: "ConverseStream", ConverseStreamOutput, TokenUsage; user guide "Prompt caching",
// "Amazon Bedrock API keys".
#include <algorithm>

#include "base/json.h"
#include "llm/claude_thinking.h"
#include "llm/event_stream.h"
#include "llm/json_read.h"
#include "llm/provider_error.h"
#include "llm/reply_builder.h"
#include "llm/wire.h"

namespace ose {
namespace {

using nlohmann::json;

class BedrockDecoder : public ReplyDecoder {
 public:
  void Feed(std::string_view bytes) override {
    parser_.Feed(bytes, [this](const EventFrame& frame) { Handle(frame); });
  }

  ChatReply Finish(bool complete) override {
    // Or something that is shorter than a frame, such as "{}" of a proxy.
    if (parser_.damage() || (complete && !parser_.any_frame() && !parser_.rest().empty())) FailDamaged();
    return reply_.Finish();
  }

  uint64_t text_bytes() const override { return reply_.text_bytes(); }

 private:
  void FailDamaged() {
    // A stream that was good until here is damaged on the way; what never was one is something else.
    const std::string what = parser_.damage() ? parser_.damage() : "it is cut in its first frame";
    if (parser_.any_frame()) return reply_.Fail(CallFailure::kBroken, "the event stream is damaged: " + what);
    const std::string_view head = parser_.rest();
    if (!parser_.damage() && head[0] == '\0') return;  // the beginning of a frame: cut
    if (const auto j = ParseJson(head)) {
      if (const auto error = FindErrorInBody(*j)) return reply_.Fail(FailureOf(*error), ReasonOf(*error));
    }
    reply_.Fail(CallFailure::kMalformed, "no event stream came (" + what + "); check the URL and whether a proxy is in between");
  }

  void Handle(const EventFrame& frame) {
    const std::string_view kind = frame.Header(":message-type");
    const auto data = ParseJson(frame.payload);
    if (kind == "exception" || kind == "error") {
      ProviderError error;
      if (const auto found = data ? FindErrorInBody(*data) : std::nullopt) error = *found;
      const std::string_view name = frame.Header(kind == "error" ? ":error-code" : ":exception-type");
      if (error.message.empty()) error.message = SafeReason(frame.Header(":error-message"));
      error.words += " " + std::string(name.substr(0, 100));
      std::transform(error.words.begin(), error.words.end(), error.words.begin(),
                     [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
      return reply_.Fail(FailureOf(error), (name.empty() ? "" : std::string(name) + ": ") + ReasonOf(error));
    }
    const std::string_view event = frame.Header(":event-type");
    if (!data || !data->is_object()) {
      return reply_.Fail(CallFailure::kMalformed, "the event " + std::string(event.substr(0, 100)) + " is no JSON object");
    }
    if (event == "contentBlockDelta") {
      reply_.AddText(JsonText(*data, {"delta", "text"}));
    } else if (event == "messageStop") {
      Stopped(JsonText(*data, {"stopReason"}));
    } else if (event == "metadata") {
      if (const json* usage = JsonAt(*data, {"usage"})) ReadUsage(*usage);
    }
  }

  void Stopped(std::string_view why) {
    if (why == "max_tokens" || why == "model_context_window_exceeded") return reply_.EndTruncated();
    if (why == "guardrail_intervened" || why == "content_filtered") return reply_.Decline("stopReason " + std::string(why));
    if (why == "malformed_model_output") return reply_.Fail(CallFailure::kServer, "stopReason malformed_model_output");
    reply_.End();
  }

  // inputTokens is what was neither read from the cache nor written to it.
  void ReadUsage(const json& u) {
    const auto input = JsonCount(u, {"inputTokens"});
    const auto output = JsonCount(u, {"outputTokens"});
    if (!input || !output) return;
    Usage& usage = reply_.usage();
    usage.reported = true;
    usage.cached_input = JsonCountOr0(u, {"cacheReadInputTokens"});
    usage.cache_write = JsonCountOr0(u, {"cacheWriteInputTokens"});
    usage.input = *input + usage.cached_input + usage.cache_write;
    usage.output = *output;
  }

  EventStreamParser parser_;
  ReplyBuilder reply_;
};

bool Has(std::string_view model, std::string_view part) { return model.find(part) != std::string_view::npos; }

// Other models refuse a cache point.
bool CachesPrompts(std::string_view model) { return ClaudeVersion(model) >= 307 || Has(model, "amazon.nova"); }

class BedrockWire : public Wire {
 public:
  HttpRequest Encode(const Endpoint& endpoint, const ChatRequest& request) const override {
    const std::string_view model = endpoint.model;
    const bool claude = Has(model, "anthropic.claude");
    // Converse has no member for the effort; what a model takes beside the common ones goes here.
    json more = json::object();
    if (claude) more = ClaudeThinking(model, request);
    if (Has(model, "openai.gpt-oss") && !request.effort.empty()) more["reasoning_effort"] = request.effort;
    json config = {{"maxTokens", request.max_output_tokens}};
    if (request.temperature && (!claude || ClaudeTakesTemperature(model, !more.empty())))
      config["temperature"] = std::min(*request.temperature, 1.0);
    json body = {{"messages", {{{"role", "user"}, {"content", {{{"text", request.user}}}}}}}, {"inferenceConfig", std::move(config)}};
    if (!request.system.empty()) {
      body["system"] = json::array({{{"text", request.system}}});
      if (CachesPrompts(model)) body["system"].push_back({{"cachePoint", {{"type", "default"}}}});
    }
    if (!more.empty()) body["additionalModelRequestFields"] = std::move(more);
    HttpRequest http;
    http.url = endpoint.base_url + "/model/" + PercentEncode(model) + "/converse-stream";
    http.headers = {{"Content-Type", "application/json"}, {"Accept", "application/vnd.amazon.eventstream"}};
    // An API key of Bedrock stands for the credentials.
    if (!endpoint.key.empty()) {
      http.headers.emplace_back("Authorization", "Bearer " + endpoint.key);
    } else {
      http.aws = endpoint.aws;
    }
    http.body = JsonBody(body);
    return http;
  }
  std::unique_ptr<ReplyDecoder> NewDecoder() const override { return std::make_unique<BedrockDecoder>(); }
  ErrorBody ReadError(int status, std::string_view body) const override { return ReadErrorBody(status, body); }
};

}  // namespace

std::unique_ptr<Wire> MakeBedrockWire() { return std::make_unique<BedrockWire>(); }

}  // namespace ose
