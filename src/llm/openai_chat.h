// chat/completions, shared by OpenAI, Azure and compatible servers.
#ifndef OSEVOLVE_LLM_OPENAI_CHAT_H_
#define OSEVOLVE_LLM_OPENAI_CHAT_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "llm/wire.h"

namespace ose {

// What the servers disagree about.
enum class ChatDialect : uint8_t {
  kOpenAi,      // max_completion_tokens, reasoning_effort
  kCompatible,  // max_tokens, reasoning_effort
  kOpenRouter,  // max_tokens, reasoning.effort, cache_control for models of Anthropic
};
// By the host of the endpoint; a proxy of another name before an OpenAI model by the model.
ChatDialect DialectOf(const Endpoint& endpoint);

// OpenAI's reasoning models (o1, o3, gpt-5, ...) refuse any temperature but the default.
bool IsOpenAiReasoningModel(std::string_view model);

nlohmann::json ChatBody(ChatDialect dialect, std::string_view model, const ChatRequest& request);
std::unique_ptr<ReplyDecoder> NewChatDecoder();

}  // namespace ose

#endif  // OSEVOLVE_LLM_OPENAI_CHAT_H_
