#include "llm/event_stream.h"

#include <array>

namespace ose {
namespace {

constexpr size_t kPrelude = 12, kTail = 4;
// The limits of the encoding: 24 MB of payload, 128 kB of headers; no reply needs more than this.
constexpr size_t kMaxFrame = 16u << 20, kMaxHeaders = 128u << 10, kMaxRest = 64u << 10;

constexpr std::array<uint32_t, 256> kCrcTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t c = i;
    for (int k = 0; k < 8; ++k) c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
    table[i] = c;
  }
  return table;
}();

uint64_t Number(std::string_view bytes) {
  uint64_t n = 0;
  for (const char c : bytes) n = n << 8 | static_cast<uint8_t>(c);
  return n;
}

// Takes `n` bytes off the front; false when there are fewer.
bool Take(std::string_view& s, size_t n, std::string_view& out) {
  if (s.size() < n) return false;
  out = s.substr(0, n);
  s.remove_prefix(n);
  return true;
}

bool ReadHeaders(std::string_view s, EventFrame& frame) {
  // Bytes of a value by its type: true, false, byte, short, integer, long, bytes, string, time, UUID.
  constexpr std::array<int, 10> kSize = {0, 0, 1, 2, 4, 8, -1, -1, 8, 16};
  while (!s.empty()) {
    std::string_view length, name, type, value;
    if (!Take(s, 1, length) || !Take(s, Number(length), name) || !Take(s, 1, type)) return false;
    const size_t kind = Number(type);
    if (kind >= kSize.size()) return false;
    size_t size = static_cast<size_t>(kSize[kind]);
    if (kSize[kind] < 0) {
      if (!Take(s, 2, length)) return false;
      size = Number(length);
    }
    if (!Take(s, size, value)) return false;
    if (kind == 7) frame.headers.insert_or_assign(std::string(name), std::string(value));
  }
  return true;
}

}  // namespace

uint32_t Crc32(std::string_view bytes) {
  uint32_t c = ~0u;
  for (const char b : bytes) c = kCrcTable[(c ^ static_cast<uint8_t>(b)) & 0xff] ^ (c >> 8);
  return ~c;
}

std::string_view EventFrame::Header(std::string_view name) const {
  const auto it = headers.find(name);
  return it == headers.end() ? std::string_view() : std::string_view(it->second);
}

bool EventStreamParser::Feed(std::string_view bytes, const OnFrame& on_frame) {
  if (damage_) {
    // What came instead of a stream is worth reading; what came after a good part is not.
    if (!any_frame_ && buffer_.size() < kMaxRest) buffer_ += bytes.substr(0, kMaxRest - buffer_.size());
    return false;
  }
  buffer_ += bytes;
  size_t done = 0;
  while (!damage_) {
    const std::string_view rest = std::string_view(buffer_).substr(done);
    if (rest.size() < kPrelude) break;
    if (Crc32(rest.substr(0, 8)) != Number(rest.substr(8, 4))) {
      damage_ = "the checksum of a frame's prelude is wrong";
      break;
    }
    const size_t total = Number(rest.substr(0, 4)), headers = Number(rest.substr(4, 4));
    if (total > kMaxFrame || headers > kMaxHeaders || total < kPrelude + headers + kTail) {
      damage_ = "the lengths of a frame are impossible";
      break;
    }
    if (rest.size() < total) break;
    if (!Frame(rest.substr(0, total), headers, on_frame)) break;
    done += total;
  }
  if (!damage_) buffer_.erase(0, done);
  return !damage_;
}

bool EventStreamParser::Frame(std::string_view bytes, size_t header_bytes, const OnFrame& on_frame) {
  if (Crc32(bytes.substr(0, bytes.size() - kTail)) != Number(bytes.substr(bytes.size() - kTail))) {
    damage_ = "the checksum of a frame is wrong";
    return false;
  }
  EventFrame frame;
  if (!ReadHeaders(bytes.substr(kPrelude, header_bytes), frame)) {
    damage_ = "the headers of a frame are damaged";
    return false;
  }
  frame.payload = bytes.substr(kPrelude + header_bytes, bytes.size() - kPrelude - header_bytes - kTail);
  any_frame_ = true;
  on_frame(frame);
  return true;
}

}  // namespace ose
