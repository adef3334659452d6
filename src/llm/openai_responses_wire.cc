// OpenAI API reference, "Create a model response" and "Streaming events".
#include "base/json.h"
#include "llm/json_read.h"
#include "llm/openai_chat.h"
#include "llm/provider_error.h"
#include "llm/sse_decoder.h"

namespace ose {
namespace {

using nlohmann::json;

class ResponsesDecoder : public SseDecoder {
 protected:
  void OnEvent(const json& event, ReplyBuilder& reply) override {
    const std::string_view type = JsonText(event, {"type"});
    if (type == "response.output_text.delta") return reply.AddText(JsonText(event, {"delta"}));
    if (type == "response.refusal.delta") return reply.AddRefusal(JsonText(event, {"delta"}));
    if (type == "error") return Fail(event, reply);
    const json* response = JsonAt(event, {"response"});
    if (!response) return;
    reply.set_model(JsonText(*response, {"model"}));
    if (const json* usage = JsonAt(*response, {"usage"})) ReadUsage(*usage, reply.usage());
    if (type == "response.completed") {
      reply.End();
    } else if (type == "response.incomplete") {
      const std::string_view why = JsonText(*response, {"incomplete_details", "reason"});
      if (why == "content_filter") {
        reply.Decline("the provider's content filter stopped the reply");
      } else {
        reply.EndTruncated();
      }
    } else if (type == "response.failed") {
      const json* error = JsonAt(*response, {"error"});
      Fail(error ? *error : *response, reply);
    }
  }

 private:
  static void Fail(const json& object, ReplyBuilder& reply) {
    // "type" of the event is no word of the error.
    const auto error = FindError({{"error", {{"code", JsonText(object, {"code"})}, {"message", JsonText(object, {"message"})}}}});
    if (!error) return;
    reply.Fail(FailureOf(*error), ReasonOf(*error));
  }

  static void ReadUsage(const json& u, Usage& usage) {
    const auto input = JsonCount(u, {"input_tokens"});
    const auto output = JsonCount(u, {"output_tokens"});
    if (!input || !output) return;
    usage.reported = true;
    usage.input = *input;
    usage.output = *output;
    usage.cached_input = JsonCountOr0(u, {"input_tokens_details", "cached_tokens"});
    usage.reasoning = JsonCountOr0(u, {"output_tokens_details", "reasoning_tokens"});
  }
};

class OpenAiResponsesWire : public Wire {
 public:
  HttpRequest Encode(const Endpoint& endpoint, const ChatRequest& request) const override {
    json body = {{"model", endpoint.model},
                 {"input", request.user},
                 {"stream", true},
                 {"store", false},
                 {"max_output_tokens", request.max_output_tokens}};
    if (!request.system.empty()) body["instructions"] = request.system;
    if (request.temperature && !IsOpenAiReasoningModel(endpoint.model)) body["temperature"] = *request.temperature;
    if (!request.effort.empty()) body["reasoning"] = {{"effort", request.effort}};
    HttpRequest http;
    http.url = endpoint.base_url + "/responses";
    http.headers = {{"Content-Type", "application/json"}, {"Accept", "text/event-stream"}};
    if (!endpoint.key.empty()) http.headers.emplace_back("Authorization", "Bearer " + endpoint.key);
    http.body = JsonBody(body);
    return http;
  }
  std::unique_ptr<ReplyDecoder> NewDecoder() const override { return std::make_unique<ResponsesDecoder>(); }
  ErrorBody ReadError(int status, std::string_view body) const override { return ReadErrorBody(status, body); }
};

}  // namespace

std::unique_ptr<Wire> MakeOpenAiResponsesWire() { return std::make_unique<OpenAiResponsesWire>(); }

}  // namespace ose
