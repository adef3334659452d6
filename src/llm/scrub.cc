#include "llm/scrub.h"

#include <algorithm>

namespace ose {
namespace {

constexpr size_t kTelling = 12;  // as much of a secret is not there by chance

}  // namespace

std::string Scrub(std::string_view text, const std::vector<std::string>& secrets) {
  std::string out(text);
  for (const std::string& secret : secrets) {
    if (secret.size() < 4) continue;
    const std::string beginning = secret.substr(0, kTelling);
    const std::string mask = "[secret]";
    for (size_t at = out.find(beginning); at != std::string::npos; at = out.find(beginning, at + mask.size())) {
      const auto same = std::mismatch(out.begin() + at, out.end(), secret.begin(), secret.end());
      out.replace(at, same.first - (out.begin() + at), mask);
    }
  }
  return out;
}

}  // namespace ose
