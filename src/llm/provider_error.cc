#include "llm/provider_error.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/utf8.h"
#include "llm/json_read.h"

namespace ose {
namespace {

using nlohmann::json;

constexpr size_t kMaxReason = 400;

std::string Lower(std::string_view s) {
  std::string out(s);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

bool HasAny(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view w) { return text.find(w) != std::string_view::npos; });
}

void AddWord(const json& object, std::string_view member, ProviderError& error) {
  const json* value = JsonAt(object, {member});
  if (!value) return;
  if (value->is_string()) {
    error.words += (error.words.empty() ? "" : " ") + Lower(OneLine(JsonText(object, {member}), 100));
  } else if (const auto number = JsonCount(object, {member}); number && *number >= 100 && *number < 600) {
    error.status = static_cast<int>(*number);
  }
}

// The object that says what went wrong: {"message", "type" or "code" or "status", ...}.
ProviderError FromObject(const json& object) {
  ProviderError error;
  std::string message(JsonText(object, {"message"}));
  // OpenRouter: what the provider behind it said.
  if (const auto raw = JsonText(object, {"metadata", "raw"}); !raw.empty()) message += ": " + std::string(raw);
  error.message = SafeReason(message);
  for (std::string_view member : {"type", "code", "status", "__type"}) AddWord(object, member, error);
  // Gemini: {"details":[{"@type":"...ErrorInfo","reason":"API_KEY_INVALID"}]}
  if (const json* details = JsonAt(object, {"details"}); details && details->is_array())
    for (const json& detail : *details) AddWord(detail, "reason", error);
  return error;
}

// Of the message alone: providers that have no code for it.
bool SpeaksOfUnknownModel(std::string_view lower_message) {
  return HasAny(lower_message, {"model"}) &&
         HasAny(lower_message, {"not found", "does not exist", "not exist", "not a valid model", "invalid model", "unknown model",
                                "model identifier is invalid", "is not supported for generatecontent"});
}

constexpr std::initializer_list<std::string_view> kUnknownModelWords = {"model_not_found", "deploymentnotfound", "not_found",
                                                                        "notfound"};
constexpr std::initializer_list<std::string_view> kAuthWords = {
    "invalid_api_key",   "api_key_invalid", "authentication", "unauthenticated",     "unauthorized", "permission",
    "accessdenied",      "expiredtoken",    "billing",        "insufficient_quota",  "unrecognizedclient"};
constexpr std::initializer_list<std::string_view> kFilterWords = {"content_filter", "content_policy", "contentfilter"};
constexpr std::initializer_list<std::string_view> kMoneyWords = {"credit balance is too low", "insufficient balance",
                                                                 "insufficient credits"};

bool LooksLikeKey(std::string_view word) {
  constexpr std::array<std::string_view, 6> kPrefixes = {"sk-", "AIza", "AKIA", "ASIA", "ABSK", "gsk_"};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [&](std::string_view p) { return word.size() >= p.size() + 4 && word.starts_with(p); });
}

}  // namespace

std::string SafeReason(std::string_view text) {
  const std::string line = OneLine(text.substr(0, 8192), 4096);
  const auto in_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '*'; };
  std::string out;
  for (size_t i = 0; i < line.size();) {
    size_t end = i;
    while (end < line.size() && in_word(line[end])) ++end;
    if (end == i) {
      out += line[i++];
      continue;
    }
    const std::string_view word = std::string_view(line).substr(i, end - i);
    out += LooksLikeKey(word) ? std::string_view("[key]") : word;
    i = end;
  }
  return OneLine(out, kMaxReason);
}

std::optional<ProviderError> FindError(const json& j) {
  const json* at = JsonFirst(&j);
  const json* error = JsonAt(at ? *at : j, {"error"});
  if (!error) return std::nullopt;
  if (error->is_object()) return FromObject(*error);
  ProviderError found;
  if (error->is_string()) found.message = SafeReason(error->get_ref<const std::string&>());
  return found;
}

std::optional<ProviderError> FindErrorInBody(const json& j) {
  if (auto error = FindError(j)) return error;
  if (!j.is_object()) return std::nullopt;
  ProviderError error = FromObject(j);
  std::string_view message = JsonText(j, {"Message"});
  if (message.empty()) message = JsonText(j, {"detail"});
  if (message.empty())
    if (const json* first = JsonFirst(JsonAt(j, {"detail"}))) message = JsonText(*first, {"msg"});
  if (error.message.empty()) error.message = SafeReason(message);
  if (error.message.empty() && error.words.empty()) return std::nullopt;
  return error;
}

CallFailure FailureOf(const ProviderError& error) {
  const std::string& w = error.words;
  if (HasAny(w, kFilterWords)) return CallFailure::kFiltered;
  if (HasAny(w, kAuthWords)) return CallFailure::kAuth;
  if (HasAny(w, {"rate_limit", "ratelimit", "throttl", "resource_exhausted", "too_many_requests"})) return CallFailure::kRateLimited;
  if (HasAny(w, {"timeout", "deadline"})) return CallFailure::kTimeout;
  if (HasAny(w, {"overloaded", "server_error", "servererror", "internal", "unavailable", "api_error", "streamerror"}))
    return CallFailure::kServer;
  if (HasAny(w, kUnknownModelWords)) return CallFailure::kUnknownModel;
  switch (error.status) {
    case 401: case 402: case 403: return CallFailure::kAuth;
    case 404: return CallFailure::kUnknownModel;
    case 408: return CallFailure::kTimeout;
    case 429: return CallFailure::kRateLimited;
    default: break;
  }
  if (error.status >= 400 && error.status < 500) return CallFailure::kRefused;
  if (error.status == 0 && HasAny(w, {"invalid", "validation", "bad_request", "badrequest", "too_large", "context_length"}))
    return CallFailure::kRefused;
  return CallFailure::kServer;
}

std::string ReasonOf(const ProviderError& error) {
  if (!error.message.empty()) return error.message;
  if (!error.words.empty()) return "the provider reported " + SafeReason(error.words);
  return error.status ? "the provider reported error " + std::to_string(error.status) : "the provider reported an error without a message";
}

Wire::ErrorBody ReadErrorBody(int status, std::string_view body) {
  Wire::ErrorBody read;
  const auto j = ParseJson(body);
  if (!j) return read;
  const auto error = FindErrorInBody(*j);
  if (!error) return read;
  read.message = error->message;
  if (read.message.empty()) read.message = SafeReason(error->words);
  if (status < 400 || status >= 500) return read;
  const std::string message = Lower(error->message);
  if (HasAny(error->words, kFilterWords)) {
    read.means = CallFailure::kFiltered;
  } else if (status == 402 || HasAny(error->words, kAuthWords) || HasAny(message, kMoneyWords)) {
    // No money is like no key: repeating the call cannot help, the owner of the account can.
    read.means = CallFailure::kAuth;
  } else if (status != 429 && (HasAny(error->words, kUnknownModelWords) || SpeaksOfUnknownModel(message))) {
    read.means = CallFailure::kUnknownModel;
  }
  return read;
}

}  // namespace ose
