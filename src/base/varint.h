// Varints: integers in as few bytes as they need, 7 bits each, low bits first, as protobuf has them.
#ifndef OSEVOLVE_BASE_VARINT_H_
#define OSEVOLVE_BASE_VARINT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ose {

inline void PutVarint(std::string& out, uint64_t v) {
  for (; v >= 0x80; v >>= 7) out += static_cast<char>(v | 0x80);
  out += static_cast<char>(v);
}

// Small negative numbers are short, too.
inline uint64_t ZigZag(int64_t v) { return (static_cast<uint64_t>(v) << 1) ^ static_cast<uint64_t>(v >> 63); }
inline int64_t UnZigZag(uint64_t v) { return static_cast<int64_t>(v >> 1) ^ -static_cast<int64_t>(v & 1); }

// Takes one off the front; nullopt when the text ends within it or it has more than 64 bits.
inline std::optional<uint64_t> TakeVarint(std::string_view& in) {
  uint64_t v = 0;
  for (size_t i = 0; i < in.size() && i < 10; ++i) {
    const auto byte = static_cast<unsigned char>(in[i]);
    if (i == 9 && byte > 1) return std::nullopt;
    v |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte & 0x80) continue;
    in.remove_prefix(i + 1);
    return v;
  }
  return std::nullopt;
}

}  // namespace ose

#endif  // OSEVOLVE_BASE_VARINT_H_
