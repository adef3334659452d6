// How a Claude model is told how much to think, which is the same on Anthropic's API and on Bedrock.
#ifndef OSEVOLVE_LLM_CLAUDE_THINKING_H_
#define OSEVOLVE_LLM_CLAUDE_THINKING_H_

#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "llm/chat.h"

namespace ose {

// 100 · major + minor: 405 for "claude-sonnet-4-5-20250929", 307 for "claude-3-7-sonnet-20250219"; 0 when
// the name has no number.
int ClaudeVersion(std::string_view model);

// The members "thinking" and "output_config" of a request, {} for no thinking.
//   from 4.6:    {"thinking":{"type":"adaptive"},"output_config":{"effort":EFFORT}}
//   before:      {"thinking":{"type":"enabled","budget_tokens":N}}, N below max_tokens
nlohmann::json ClaudeThinking(std::string_view model, const ChatRequest& request);

// Models from 4.7 refuse any temperature; the others do while they think.
bool ClaudeTakesTemperature(std::string_view model, bool thinking);

}  // namespace ose

#endif  // OSEVOLVE_LLM_CLAUDE_THINKING_H_
