// Reading JSON of a server without exceptions: what is missing or of another type reads as empty.
#ifndef OSEVOLVE_LLM_JSON_READ_H_
#define OSEVOLVE_LLM_JSON_READ_H_

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace ose {

// Invalid UTF-8 and lone surrogates become U+FFFD, because a good reply may contain a damaged
// character. nullopt: no JSON, or nested deeper than any reply is.
std::optional<nlohmann::json> ParseJson(std::string_view text);

using JsonPath = std::initializer_list<std::string_view>;

// nullptr when there is no such member, or it is null.
const nlohmann::json* JsonAt(const nlohmann::json& j, JsonPath path);
// The first element of an array, or nullptr.
const nlohmann::json* JsonFirst(const nlohmann::json* array);
// Valid as long as `j`; "" for anything but a string.
std::string_view JsonText(const nlohmann::json& j, JsonPath path);
// A number of tokens: nullopt for anything but a number, bounded to [0, 10^12].
std::optional<int64_t> JsonCount(const nlohmann::json& j, JsonPath path);
int64_t JsonCountOr0(const nlohmann::json& j, JsonPath path);

// Of a request body: never throws, whatever bytes the prompt holds.
std::string JsonBody(const nlohmann::json& j);

// Everything but unreserved characters as %XX (RFC 3986), for one segment of a path.
std::string PercentEncode(std::string_view segment);

}  // namespace ose

#endif  // OSEVOLVE_LLM_JSON_READ_H_
