// Error objects of providers, whatever their shape, and what they mean for the caller.
#ifndef OSEVOLVE_LLM_PROVIDER_ERROR_H_
#define OSEVOLVE_LLM_PROVIDER_ERROR_H_

#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "llm/chat.h"
#include "llm/wire.h"

namespace ose {

struct ProviderError {
  std::string message;  // one line, without keys; "" when there was none
  std::string words;    // type, code and status in lower case: "invalid_request_error model_not_found"
  int status = 0;       // a numeric code, which is that of HTTP
};

// {"error":{...}}, {"error":"..."}, and the same inside an array. nullopt: `j` is no error.
std::optional<ProviderError> FindError(const nlohmann::json& j);
// Also the shapes that only a body of an error status has: {"message":...}, {"detail":...}.
std::optional<ProviderError> FindErrorInBody(const nlohmann::json& j);

// What an error in the middle of a reply means. Unknown ones count as the server's, which is tried again.
CallFailure FailureOf(const ProviderError& error);

// For the reader: the message, else the words, never "".
std::string ReasonOf(const ProviderError& error);

// Wire::ReadError for every provider.
Wire::ErrorBody ReadErrorBody(int status, std::string_view body);

// One line of at most 400 bytes in which anything that looks like a key is replaced: some providers
// repeat the key, or most of it, when they refuse it.
std::string SafeReason(std::string_view text);

}  // namespace ose

#endif  // OSEVOLVE_LLM_PROVIDER_ERROR_H_
