// Any bytes as the reply of a provider. The first byte picks the wire, the second how the rest is cut into
// pieces: the reply must not depend on that, and its texts must be valid UTF-8.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>

#include "base/utf8.h"
#include "llm/event_stream_testing.h"
#include "llm/wire.h"

namespace {

constexpr uint8_t kFramed = 10;  // Bedrock's wire, number 4 of 6

void Check(bool holds) {
  if (!holds) std::abort();
}

ose::ChatReply Decode(const ose::Wire& wire, std::string_view body, size_t piece, bool complete) {
  const auto decoder = wire.NewDecoder();
  for (size_t i = 0; i < body.size(); i += piece) decoder->Feed(body.substr(i, piece));
  const uint64_t bytes = decoder->text_bytes();
  ose::ChatReply reply = decoder->Finish(complete);
  // An event without its empty line is read at the end.
  Check(reply.text.size() >= bytes);
  return reply;
}

// Lines as frames with checksums that hold, which no mutation would hit upon: "TYPE{json}", or any bytes as
// headers.
std::string Frames(std::string_view lines) {
  constexpr const char* kEvents[] = {"messageStart", "contentBlockDelta", "messageStop", "metadata"};
  constexpr const char* kExceptions[] = {"throttlingException", "internalServerException", "validationException", "other"};
  std::string stream;
  while (!lines.empty()) {
    const size_t end = std::min(lines.find('\n'), lines.size() - 1);
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(end + 1);
    if (line.empty()) continue;
    const uint8_t type = line[0] - 'a';
    const std::string_view payload = line.substr(1);
    if (type < 4) stream += ose::BedrockEvent(kEvents[type], payload);
    else if (type < 8) stream += ose::BedrockException(kExceptions[type - 4], payload);
    else stream += ose::BinaryFrameOf(payload, line);
  }
  return stream;
}

void CheckReply(const ose::ChatReply& reply) {
  Check(ose::IsValidUtf8(reply.text) && ose::IsValidUtf8(reply.reason) && ose::IsValidUtf8(reply.model));
  Check(reply.ok() ? !reply.text.empty() && reply.reason.empty() : !reply.reason.empty());
  Check(reply.reason.find_first_of("\r\n\x1b") == std::string::npos && reply.reason.size() <= 400);
  const ose::Usage& u = reply.usage;
  Check(u.input >= 0 && u.cached_input >= 0 && u.cache_write >= 0 && u.output >= 0 && u.reasoning >= 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::unique_ptr<ose::Wire> wires[] = {ose::MakeOpenAiChatWire(), ose::MakeOpenAiResponsesWire(),
                                                     ose::MakeAnthropicWire(),  ose::MakeGeminiWire(),
                                                     ose::MakeBedrockWire(),    ose::MakeAzureWire()};
  if (size < 2) return 0;
  const ose::Wire& wire = *wires[data[0] % std::size(wires)];
  const size_t piece = 1 + data[1] % 64;
  std::string_view body(reinterpret_cast<const char*>(data) + 2, size - 2);
  std::string frames;
  if (data[0] == kFramed) body = frames = Frames(body);

  const ose::ChatReply whole = Decode(wire, body, body.size() + 1, true);
  CheckReply(whole);
  const ose::ChatReply pieces = Decode(wire, body, piece, true);
  Check(pieces.text == whole.text && pieces.failure == whole.failure && pieces.reason == whole.reason &&
        pieces.truncated == whole.truncated && pieces.usage.input == whole.usage.input && pieces.usage.output == whole.usage.output);
  CheckReply(Decode(wire, body, piece, false));

  const ose::Wire::ErrorBody error = wire.ReadError(400 + data[1], body);
  Check(ose::IsValidUtf8(error.message) && error.message.size() <= 400);
  return 0;
}
