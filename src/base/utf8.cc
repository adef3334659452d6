#include "base/utf8.h"

#include <cstdint>

namespace ose {
namespace {

struct Step {
  size_t length;  // of the character, or of the invalid part
  bool valid;
};

// The character at the front of `s`, which is not empty.
Step Next(std::string_view s) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(s[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return {1, true};
  size_t length = 0;
  uint8_t low = 0x80, high = 0xbf;  // of the second byte
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    length = 3;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
  } else {
    return {1, false};
  }
  for (size_t i = 1; i < length; ++i) {
    if (i >= s.size() || byte(i) < low || byte(i) > high) return {i, false};
    low = 0x80;
    high = 0xbf;
  }
  return {length, true};
}

}  // namespace

bool IsValidUtf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const Step step = Next(bytes);
    if (!step.valid) return false;
    bytes.remove_prefix(step.length);
  }
  return true;
}

std::string ToValidUtf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const Step step = Next(bytes);
    out += step.valid ? bytes.substr(0, step.length) : std::string_view("\xef\xbf\xbd");
    bytes.remove_prefix(step.length);
  }
  return out;
}

std::string OneLine(std::string_view bytes, size_t max_bytes) {
  constexpr std::string_view kDots = "...";
  std::string out;
  size_t cut = 0;  // where `out` may be cut so that the dots fit
  bool blank = false;
  while (!bytes.empty()) {
    const Step step = Next(bytes);
    std::string_view c = step.valid ? bytes.substr(0, step.length) : std::string_view("\xef\xbf\xbd");
    bytes.remove_prefix(step.length);
    const uint8_t first = static_cast<uint8_t>(c[0]);
    // C0, DEL and C1: a terminal must not obey what a server wrote.
    const bool control = first <= 0x20 || first == 0x7f || (first == 0xc2 && static_cast<uint8_t>(c[1]) < 0xa0);
    if (control) {
      blank = !out.empty();
      continue;
    }
    if (out.size() + (blank ? 1 : 0) + c.size() > max_bytes) {
      out.resize(cut);
      out += kDots.substr(0, max_bytes - cut);
      return out;
    }
    if (blank) out += ' ';
    blank = false;
    out += c;
    if (out.size() + kDots.size() <= max_bytes) cut = out.size();
  }
  return out;
}

}  // namespace ose
