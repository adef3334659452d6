// Base64 (RFC 4648, with padding), for bytes inside JSON.
#ifndef OSEVOLVE_BASE_BASE64_H_
#define OSEVOLVE_BASE_BASE64_H_

#include <optional>
#include <string>
#include <string_view>

namespace ose {

// At most 1 GiB.
std::string ToBase64(std::string_view bytes);
std::optional<std::string> FromBase64(const std::string& text);

}  // namespace ose

#endif  // OSEVOLVE_BASE_BASE64_H_
