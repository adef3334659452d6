// Claude API documentation: "Create a Message", "Streaming Messages", "Prompt caching", "Errors".
#include <algorithm>

#include "base/json.h"
#include "llm/claude_thinking.h"
#include "llm/json_read.h"
#include "llm/provider_error.h"
#include "llm/sse_decoder.h"

namespace ose {
namespace {

using nlohmann::json;

class AnthropicDecoder : public SseDecoder {
 protected:
  void OnEvent(const json& event, ReplyBuilder& reply) override {
    const std::string_view type = JsonText(event, {"type"});
    if (type == "content_block_delta") {
      if (JsonText(event, {"delta", "type"}) == "text_delta") reply.AddText(JsonText(event, {"delta", "text"}));
    } else if (type == "message_start") {
      reply.set_model(JsonText(event, {"message", "model"}));
      if (const json* usage = JsonAt(event, {"message", "usage"})) ReadUsage(*usage, reply.usage());
    } else if (type == "message_delta") {
      if (const json* usage = JsonAt(event, {"usage"})) {
        ReadUsage(*usage, reply.usage());
        // The numbers of message_start are those before the reply; only these are final.
        reply.usage().reported = JsonCount(*usage, {"output_tokens"}).has_value();
      }
      Stopped(JsonText(event, {"delta", "stop_reason"}), reply);
    } else if (type == "message_stop") {
      reply.End();
    }
  }

 private:
  static void Stopped(std::string_view why, ReplyBuilder& reply) {
    if (why.empty()) return;
    if (why == "max_tokens" || why == "model_context_window_exceeded") return reply.EndTruncated();
    if (why == "refusal") return reply.Decline("the model refused (stop_reason refusal)");
    reply.End();
  }

  // input_tokens is what was neither read from the cache nor written to it. The counts are cumulative,
  // and message_delta may leave out all but output_tokens.
  void ReadUsage(const json& u, Usage& usage) {
    if (auto n = JsonCount(u, {"input_tokens"})) uncached_ = *n;
    if (auto n = JsonCount(u, {"cache_read_input_tokens"})) usage.cached_input = *n;
    if (auto n = JsonCount(u, {"cache_creation_input_tokens"})) usage.cache_write = *n;
    if (auto n = JsonCount(u, {"output_tokens"})) usage.output = *n;
    usage.input = uncached_ + usage.cached_input + usage.cache_write;
  }

  int64_t uncached_ = 0;
};

class AnthropicWire : public Wire {
 public:
  HttpRequest Encode(const Endpoint& endpoint, const ChatRequest& request) const override {
    json body = {{"model", endpoint.model},
                 {"max_tokens", request.max_output_tokens},
                 {"messages", {{{"role", "user"}, {"content", request.user}}}},
                 {"stream", true}};
    if (!request.system.empty())
      body["system"] = json::array({{{"type", "text"}, {"text", request.system}, {"cache_control", {{"type", "ephemeral"}}}}});
    const json thinking = ClaudeThinking(endpoint.model, request);
    body.update(thinking);
    if (request.temperature && ClaudeTakesTemperature(endpoint.model, !thinking.empty()))
      body["temperature"] = std::min(*request.temperature, 1.0);
    HttpRequest http;
    // The environment variable holds the host as the provider's own clients want it; with /v1 is understood.
    http.url = endpoint.base_url + (endpoint.base_url.ends_with("/v1") ? "/messages" : "/v1/messages");
    http.headers = {{"Content-Type", "application/json"},
                    {"Accept", "text/event-stream"},
                    {"anthropic-version", endpoint.api_version.empty() ? "2023-06-01" : endpoint.api_version}};
    if (!endpoint.key.empty()) http.headers.emplace_back("x-api-key", endpoint.key);
    http.body = JsonBody(body);
    return http;
  }
  std::unique_ptr<ReplyDecoder> NewDecoder() const override { return std::make_unique<AnthropicDecoder>(); }
  ErrorBody ReadError(int status, std::string_view body) const override { return ReadErrorBody(status, body); }
};

}  // namespace

std::unique_ptr<Wire> MakeAnthropicWire() { return std::make_unique<AnthropicWire>(); }

}  // namespace ose
