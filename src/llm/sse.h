// Server-sent events, as in the HTML standard ("Parsing an event stream"): lines end in LF, CR or CRLF,
// an empty line ends an event, lines that begin with a colon are comments, a byte order mark may
// come first. Bytes come in pieces that are cut anywhere.
#ifndef OSEVOLVE_LLM_SSE_H_
#define OSEVOLVE_LLM_SSE_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace ose {

struct SseEvent {
  std::string name;  // "" when the server named none
  std::string data;  // lines joined by LF
};

class SseParser {
 public:
  using OnEvent = std::function<void(const SseEvent&)>;

  // An event or line of more than `max_bytes` ends the parsing: a server must not fill the memory.
  explicit SseParser(size_t max_bytes = 16u << 20) : max_bytes_(max_bytes) {}

  void Feed(std::string_view bytes, const OnEvent& on_event);
  // The body ended. The standard drops an event without its empty line; servers that forget the last
  // one are common, so it is delivered.
  void End(const OnEvent& on_event);
  bool too_long() const { return too_long_; }

 private:
  void Line(std::string_view line, const OnEvent& on_event);
  void Dispatch(const OnEvent& on_event);

  const size_t max_bytes_;
  std::string line_;  // a line that has not ended
  SseEvent event_;
  bool has_data_ = false;
  bool first_line_ = true;
  bool after_cr_ = false;  // an LF that follows belongs to it
  bool too_long_ = false;
};

}  // namespace ose

#endif  // OSEVOLVE_LLM_SSE_H_
