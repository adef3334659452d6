// Writes what event_stream.h reads; for tests and scripted servers.
#ifndef OSEVOLVE_LLM_EVENT_STREAM_TESTING_H_
#define OSEVOLVE_LLM_EVENT_STREAM_TESTING_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llm/event_stream.h"

namespace ose {

inline std::string BigEndian(uint32_t n) {
  return {static_cast<char>(n >> 24), static_cast<char>(n >> 16), static_cast<char>(n >> 8), static_cast<char>(n)};
}

// With the headers as bytes.
inline std::string BinaryFrameOf(std::string_view headers, std::string_view payload) {
  std::string frame = BigEndian(static_cast<uint32_t>(16 + headers.size() + payload.size())) + BigEndian(static_cast<uint32_t>(headers.size()));
  frame += BigEndian(Crc32(frame));
  frame += headers;
  frame += payload;
  return frame + BigEndian(Crc32(frame));
}

inline std::string BinaryFrame(const std::vector<std::pair<std::string, std::string>>& headers, std::string_view payload) {
  std::string bytes;
  for (const auto& [name, value] : headers) {
    bytes += static_cast<char>(name.size());
    bytes += name;
    bytes += {7, static_cast<char>(value.size() >> 8), static_cast<char>(value.size())};
    bytes += value;
  }
  return BinaryFrameOf(bytes, payload);
}

// As Bedrock sends them.
inline std::string BedrockEvent(const std::string& type, std::string_view json) {
  return BinaryFrame({{":event-type", type}, {":content-type", "application/json"}, {":message-type", "event"}}, json);
}
inline std::string BedrockException(const std::string& type, std::string_view json) {
  return BinaryFrame({{":exception-type", type}, {":content-type", "application/json"}, {":message-type", "exception"}}, json);
}

}  // namespace ose

#endif  // OSEVOLVE_LLM_EVENT_STREAM_TESTING_H_
