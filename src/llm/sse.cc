#include "llm/sse.h"

#include <utility>

namespace ose {

void SseParser::Feed(std::string_view bytes, const OnEvent& on_event) {
  while (!bytes.empty() && !too_long_) {
    if (after_cr_) {
      after_cr_ = false;
      if (bytes[0] == '\n') {
        bytes.remove_prefix(1);
        continue;
      }
    }
    const size_t end = bytes.find_first_of("\r\n");
    const std::string_view part = bytes.substr(0, end);
    if (line_.size() + part.size() + event_.data.size() > max_bytes_) {
      too_long_ = true;
      line_.clear();
      event_ = {};
      has_data_ = false;
      return;
    }
    if (end == std::string_view::npos) {
      line_ += part;
      return;
    }
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    if (line_.empty()) {
      Line(part, on_event);
    } else {
      line_ += part;
      Line(std::exchange(line_, {}), on_event);
    }
  }
}

void SseParser::End(const OnEvent& on_event) {
  if (!line_.empty()) Line(std::exchange(line_, {}), on_event);
  Dispatch(on_event);
}

void SseParser::Line(std::string_view line, const OnEvent& on_event) {
  if (std::exchange(first_line_, false) && line.starts_with("\xef\xbb\xbf")) line.remove_prefix(3);
  if (line.empty()) return Dispatch(on_event);
  const size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "data") {
    if (has_data_) event_.data += '\n';
    has_data_ = true;
    event_.data += value;
  } else if (field == "event") {
    event_.name = value;
  }
}

void SseParser::Dispatch(const OnEvent& on_event) {
  const SseEvent event = std::exchange(event_, {});
  if (std::exchange(has_data_, false)) on_event(event);
}

}  // namespace ose
