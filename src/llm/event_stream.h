// application/vnd.amazon.eventstream: binary frames
//   u32 total length, u32 length of headers, u32 CRC-32 of these 8 bytes, headers, payload, u32 CRC-32 of
//   all before
// in network byte order. A header is: u8 length, name, u8 type, value. (AWS, "Event stream encoding".)
#ifndef OSEVOLVE_LLM_EVENT_STREAM_H_
#define OSEVOLVE_LLM_EVENT_STREAM_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace ose {

uint32_t Crc32(std::string_view bytes);  // IEEE 802.3

struct EventFrame {
  std::map<std::string, std::string, std::less<>> headers;  // those whose value is a string
  std::string_view payload;                                 // valid during the call
  std::string_view Header(std::string_view name) const;
};

class EventStreamParser {
 public:
  using OnFrame = std::function<void(const EventFrame&)>;
  // False once a frame was damaged; nothing after it can be found again. rest() then begins there.
  bool Feed(std::string_view bytes, const OnFrame& on_frame);
  const char* damage() const { return damage_; }  // what was wrong; nullptr: nothing
  bool any_frame() const { return any_frame_; }
  std::string_view rest() const { return buffer_; }

 private:
  bool Frame(std::string_view frame, size_t header_bytes, const OnFrame& on_frame);

  std::string buffer_;
  const char* damage_ = nullptr;
  bool any_frame_ = false;
};

}  // namespace ose

#endif  // OSEVOLVE_LLM_EVENT_STREAM_H_
