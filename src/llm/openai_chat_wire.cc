// OpenAI API reference, "Create chat completion" and "Streaming"; vLLM "OpenAI-Compatible Server",
// llama.cpp server README, Ollama "OpenAI compatibility", OpenRouter "API reference" and "Errors",
// DeepSeek "Create chat completion".
#include "base/json.h"
#include "llm/json_read.h"
#include "llm/openai_chat.h"
#include "llm/provider_error.h"
#include "llm/sse_decoder.h"

namespace ose {
namespace {

using nlohmann::json;

std::string_view HostOf(std::string_view url) {
  if (const size_t scheme = url.find("://"); scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  return url.substr(0, url.find_first_of(":/"));
}

bool IsHost(std::string_view host, std::string_view domain) {
  return host == domain || (host.ends_with(domain) && host[host.size() - domain.size() - 1] == '.');
}

class ChatDecoder : public SseDecoder {
 protected:
  bool OnMark(std::string_view data, ReplyBuilder& reply) override {
    if (data != "[DONE]") return false;
    reply.End();
    return true;
  }

  void OnEvent(const json& chunk, ReplyBuilder& reply) override {
    reply.set_model(JsonText(chunk, {"model"}));
    // The usage comes in a last chunk without choices.
    if (const json* usage = JsonAt(chunk, {"usage"})) ReadUsage(*usage, reply.usage());
    const json* choice = JsonFirst(JsonAt(chunk, {"choices"}));
    if (!choice) return;
    reply.AddText(JsonText(*choice, {"delta", "content"}));
    if (const auto refusal = JsonText(*choice, {"delta", "refusal"}); !refusal.empty()) reply.AddRefusal(refusal);
    Finished(JsonText(*choice, {"finish_reason"}), reply);
  }

 private:
  static void Finished(std::string_view why, ReplyBuilder& reply) {
    if (why.empty()) return;
    if (why == "length") return reply.EndTruncated();
    if (why == "content_filter") return reply.Decline("the provider's content filter stopped the reply");
    // DeepSeek, OpenRouter.
    if (why == "insufficient_system_resource" || why == "error")
      return reply.Fail(CallFailure::kServer, "the provider stopped the reply: " + std::string(why));
    reply.End();
  }

  static void ReadUsage(const json& u, Usage& usage) {
    const auto input = JsonCount(u, {"prompt_tokens"});
    const auto output = JsonCount(u, {"completion_tokens"});
    if (!input || !output) return;
    usage.reported = true;
    usage.input = *input;
    usage.output = *output;
    usage.reasoning = JsonCountOr0(u, {"completion_tokens_details", "reasoning_tokens"});
    usage.cached_input = JsonCount(u, {"prompt_tokens_details", "cached_tokens"})
                             .value_or(JsonCountOr0(u, {"prompt_cache_hit_tokens"}));  // DeepSeek
    usage.cache_write = JsonCountOr0(u, {"prompt_tokens_details", "cache_write_tokens"});  // OpenRouter
  }
};

class OpenAiChatWire : public Wire {
 public:
  HttpRequest Encode(const Endpoint& endpoint, const ChatRequest& request) const override {
    HttpRequest http;
    http.url = endpoint.base_url + "/chat/completions";
    http.headers = {{"Content-Type", "application/json"}, {"Accept", "text/event-stream"}};
    if (!endpoint.key.empty()) http.headers.emplace_back("Authorization", "Bearer " + endpoint.key);
    http.body = JsonBody(ChatBody(DialectOf(endpoint), endpoint.model, request));
    return http;
  }
  std::unique_ptr<ReplyDecoder> NewDecoder() const override { return NewChatDecoder(); }
  ErrorBody ReadError(int status, std::string_view body) const override { return ReadErrorBody(status, body); }
};

}  // namespace

bool IsOpenAiReasoningModel(std::string_view model) {
  if (const size_t slash = model.rfind('/'); slash != std::string_view::npos) model.remove_prefix(slash + 1);
  if (model.size() >= 2 && model[0] == 'o' && model[1] >= '1' && model[1] <= '9') return true;
  return model.starts_with("gpt-5") && model.find("chat") == std::string_view::npos;
}

ChatDialect DialectOf(const Endpoint& endpoint) {
  const std::string_view host = HostOf(endpoint.base_url);
  if (IsHost(host, "openrouter.ai")) return ChatDialect::kOpenRouter;
  if (IsHost(host, "openai.com") || IsHost(host, "openai.azure.com")) return ChatDialect::kOpenAi;
  // These models know max_completion_tokens only.
  return IsOpenAiReasoningModel(endpoint.model) ? ChatDialect::kOpenAi : ChatDialect::kCompatible;
}

json ChatBody(ChatDialect dialect, std::string_view model, const ChatRequest& request) {
  json messages = json::array();
  if (!request.system.empty()) {
    json content = request.system;
    // OpenRouter, "Prompt caching": most providers cache by themselves, these want a mark.
    if (dialect == ChatDialect::kOpenRouter && model.starts_with("anthropic/"))
      content = json::array({{{"type", "text"}, {"text", request.system}, {"cache_control", {{"type", "ephemeral"}}}}});
    messages.push_back({{"role", "system"}, {"content", std::move(content)}});
  }
  messages.push_back({{"role", "user"}, {"content", request.user}});
  json body = {{"model", model},
               {"messages", std::move(messages)},
               {"stream", true},
               {"stream_options", {{"include_usage", true}}}};
  body[dialect == ChatDialect::kOpenAi ? "max_completion_tokens" : "max_tokens"] = request.max_output_tokens;
  if (request.temperature && !(dialect == ChatDialect::kOpenAi && IsOpenAiReasoningModel(model)))
    body["temperature"] = *request.temperature;
  if (!request.effort.empty()) {
    if (dialect == ChatDialect::kOpenRouter) {
      body["reasoning"] = {{"effort", request.effort}};
    } else {
      body["reasoning_effort"] = request.effort;
    }
  }
  return body;
}

std::unique_ptr<ReplyDecoder> NewChatDecoder() { return std::make_unique<ChatDecoder>(); }
std::unique_ptr<Wire> MakeOpenAiChatWire() { return std::make_unique<OpenAiChatWire>(); }

}  // namespace ose
