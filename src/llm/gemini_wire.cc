// Gemini API reference: "models.streamGenerateContent", GenerationConfig, GenerateContentResponse; guide
// "Thinking".
#include <algorithm>

#include "base/json.h"
#include "llm/json_read.h"
#include "llm/provider_error.h"
#include "llm/sse_decoder.h"

namespace ose {
namespace {

using nlohmann::json;

class GeminiDecoder : public SseDecoder {
 protected:
  void OnEvent(const json& chunk, ReplyBuilder& reply) override {
    reply.set_model(JsonText(chunk, {"modelVersion"}));
    const auto blocked = JsonText(chunk, {"promptFeedback", "blockReason"});
    if (!blocked.empty()) reply.Decline("the prompt was blocked (" + std::string(blocked) + ")");
    if (const json* candidate = JsonFirst(JsonAt(chunk, {"candidates"}))) {
      if (const json* parts = JsonAt(*candidate, {"content", "parts"}); parts && parts->is_array())
        for (const json& part : *parts) AddPart(part, reply);
      Finished(JsonText(*candidate, {"finishReason"}), reply);
    }
    if (const json* usage = JsonAt(chunk, {"usageMetadata"})) ReadUsage(*usage, reply.usage());
    // Every chunk has the counts so far; only the last ones are what the call used.
    reply.usage().reported = counted_ && (reply.ended() || reply.failed());
  }

 private:
  static void AddPart(const json& part, ReplyBuilder& reply) {
    const json* thought = JsonAt(part, {"thought"});
    if (thought && thought->is_boolean() && thought->get<bool>()) return;
    reply.AddText(JsonText(part, {"text"}));
  }

  static void Finished(std::string_view why, ReplyBuilder& reply) {
    if (why.empty() || why == "FINISH_REASON_UNSPECIFIED") return;
    if (why == "STOP") return reply.End();
    if (why == "MAX_TOKENS") return reply.EndTruncated();
    for (std::string_view filter : {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE"})
      if (why == filter) return reply.Decline("the reply was stopped (" + std::string(why) + ")");
    reply.Fail(CallFailure::kServer, "the reply ended with finishReason " + std::string(why));
  }

  // promptTokenCount includes what was cached, candidatesTokenCount excludes thoughts.
  void ReadUsage(const json& u, Usage& usage) {
    const auto input = JsonCount(u, {"promptTokenCount"});
    if (!input) return;
    counted_ = true;
    usage.input = *input;
    usage.cached_input = JsonCountOr0(u, {"cachedContentTokenCount"});
    usage.reasoning = JsonCountOr0(u, {"thoughtsTokenCount"});
    usage.output = JsonCountOr0(u, {"candidatesTokenCount"}) + usage.reasoning;
  }

  bool counted_ = false;
};

// 205 for "gemini-2.5-pro", 300 for "gemini-3-pro-preview"; 0 without a number ("gemini-flash-latest").
int Version(std::string_view model) {
  if (!model.starts_with("gemini-") || model.size() < 8 || model[7] < '0' || model[7] > '9') return 0;
  int version = (model[7] - '0') * 100;
  if (model.size() >= 10 && model[8] == '.' && model[9] >= '0' && model[9] <= '9') version += model[9] - '0';
  return version;
}

// Gemini 2.5 counts thoughts in tokens, later models have levels; the two exclude each other. Earlier
// models and those of other families refuse both.
json ThinkingConfig(std::string_view model, const ChatRequest& request) {
  const std::string& effort = request.effort;
  if (effort.empty() || !model.starts_with("gemini-")) return nullptr;
  const int version = Version(model);
  if (version == 0 || version >= 300) {
    const bool pro = model.find("pro") != std::string_view::npos;  // these have no "minimal"
    return {{"thinkingLevel", effort == "minimal" && pro ? "low" : effort}};
  }
  if (version < 205) return nullptr;
  const int64_t budget = effort == "minimal" ? 512 : effort == "low" ? 2'048 : effort == "medium" ? 8'192 : 24'576;
  return {{"thinkingBudget", std::min(budget, std::max<int64_t>(512, request.max_output_tokens * 3 / 4))}};
}

class GeminiWire : public Wire {
 public:
  HttpRequest Encode(const Endpoint& endpoint, const ChatRequest& request) const override {
    std::string_view model = endpoint.model;
    if (model.starts_with("models/")) model.remove_prefix(7);
    json config = {{"maxOutputTokens", request.max_output_tokens}};
    if (request.temperature) config["temperature"] = *request.temperature;
    if (json thinking = ThinkingConfig(model, request); !thinking.is_null()) config["thinkingConfig"] = std::move(thinking);
    json body = {{"contents", {{{"role", "user"}, {"parts", {{{"text", request.user}}}}}}}, {"generationConfig", std::move(config)}};
    if (!request.system.empty()) body["systemInstruction"] = {{"parts", {{{"text", request.system}}}}};
    HttpRequest http;
    http.url = endpoint.base_url + "/models/" + PercentEncode(model) + ":streamGenerateContent?alt=sse";
    // Never in the URL, which proxies and servers log.
    http.headers = {{"Content-Type", "application/json"}, {"Accept", "text/event-stream"}};
    if (!endpoint.key.empty()) http.headers.emplace_back("x-goog-api-key", endpoint.key);
    http.body = JsonBody(body);
    return http;
  }
  std::unique_ptr<ReplyDecoder> NewDecoder() const override { return std::make_unique<GeminiDecoder>(); }
  ErrorBody ReadError(int status, std::string_view body) const override { return ReadErrorBody(status, body); }
};

}  // namespace

std::unique_ptr<Wire> MakeGeminiWire() { return std::make_unique<GeminiWire>(); }

}  // namespace ose
