#include "llm/reason.h"

#include <algorithm>
#include <cstdint>

namespace ose {
namespace {

// Bytes of the UTF-8 character that `text` begins with; 0: none (overlong, surrogate, cut, stray).
size_t CharacterBytes(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const size_t n = first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
  if (n == 0 || text.size() < n) return 0;
  for (size_t i = 1; i < n; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const uint8_t second = byte(1);
  const bool bad = (first == 0xe0 && second < 0xa0) || (first == 0xed && second >= 0xa0) ||
                   (first == 0xf0 && second < 0x90) || (first == 0xf4 && second >= 0x90);
  return bad ? 0 : n;
}

// Also what terminals act upon: C1 controls, line separators, changes of direction.
bool IsControl(std::string_view character) {
  if (character.size() == 1) return static_cast<uint8_t>(character[0]) <= 0x20 || character[0] == 0x7f;
  if (character.size() == 2) return character[0] == '\xc2' && static_cast<uint8_t>(character[1]) <= 0xa0;
  if (character.size() != 3 || !character.starts_with("\xe2")) return false;
  const uint8_t second = character[1], third = character[2];
  return (second == 0x80 && ((third >= 0x8b && third <= 0x8f) || (third >= 0xa8 && third <= 0xae))) ||
         (second == 0x81 && third >= 0xa6 && third <= 0xa9);
}

constexpr size_t kTelling = 12;  // as much of a secret is not there by chance

}  // namespace

std::string OneLine(std::string_view text, size_t max_bytes) {
  std::string line;
  size_t cut = 0;  // the longest beginning that leaves room for the dots
  bool space = false;
  while (!text.empty()) {
    const size_t n = CharacterBytes(text);
    const std::string_view character = n == 0 ? "?" : text.substr(0, n);
    text.remove_prefix(std::max<size_t>(n, 1));
    if (IsControl(character)) {
      space = true;
      continue;
    }
    if (space && !line.empty()) line += ' ';
    space = false;
    line += character;
    if (line.size() > max_bytes) return line.substr(0, cut) + std::string("...").substr(0, max_bytes);
    if (line.size() + 3 <= max_bytes) cut = line.size();
  }
  return line;
}

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
