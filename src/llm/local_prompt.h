// The prompt as a program or a person gets it: one text.
#ifndef OSEVOLVE_LLM_LOCAL_PROMPT_H_
#define OSEVOLVE_LLM_LOCAL_PROMPT_H_

#include <string>

#include "llm/chat.h"

namespace ose {

// The system part, a blank line, the user part; only the latter when there is no system part.
inline std::string PromptText(const ChatRequest& request) {
  if (request.system.empty()) return request.user;
  return request.system + (request.system.ends_with('\n') ? "\n" : "\n\n") + request.user;
}

}  // namespace ose

#endif  // OSEVOLVE_LLM_LOCAL_PROMPT_H_
