#include "llm/sse_decoder.h"

#include <algorithm>

#include "llm/json_read.h"
#include "llm/provider_error.h"

namespace ose {
namespace {

constexpr size_t kHeadBytes = 64u << 10;

}  // namespace

void SseDecoder::Feed(std::string_view bytes) {
  if (!any_event_ && head_.size() < kHeadBytes) head_ += bytes.substr(0, kHeadBytes - head_.size());
  parser_.Feed(bytes, [this](const SseEvent& event) { Handle(event); });
  if (parser_.too_long()) reply_.Fail(CallFailure::kTooLarge, "one event of the reply is larger than 16 MiB");
}

ChatReply SseDecoder::Finish(bool complete) {
  at_end_ = true;
  // What a cut left over is half an event.
  if (complete) parser_.End([this](const SseEvent& event) { Handle(event); });
  if (complete && !any_event_) FailWithoutEvents();
  return reply_.Finish();
}

void SseDecoder::Handle(const SseEvent& event) {
  any_event_ = true;
  if (OnMark(event.data, reply_)) return;
  const auto data = ParseJson(event.data);
  if (!data || !data->is_object()) {
    // The last event may be cut although the body looked complete: then it is a broken stream.
    if (!at_end_ && !event.data.empty())
      reply_.Fail(CallFailure::kMalformed, "an event of the reply is no JSON object: " + event.data.substr(0, 200));
    return;
  }
  if (const auto error = FindError(*data)) {
    reply_.Fail(FailureOf(*error), ReasonOf(*error));
    return;
  }
  OnEvent(*data, reply_);
}

void SseDecoder::FailWithoutEvents() {
  const size_t start = std::min(head_.find_first_not_of(" \t\r\n"), head_.size());
  const std::string_view body = std::string_view(head_).substr(start);
  if (body.empty()) return reply_.Fail(CallFailure::kBroken, "the reply has no body");
  const auto j = ParseJson(body);
  const auto error = j ? FindErrorInBody(*j) : std::nullopt;
  if (error) return reply_.Fail(FailureOf(*error), ReasonOf(*error));
  if (body[0] == '<')
    return reply_.Fail(CallFailure::kMalformed,
                       "a web page came instead of a reply; check the URL and whether a proxy is in between");
  reply_.Fail(CallFailure::kMalformed, "no event stream came but: " + std::string(body.substr(0, 200)));
}

}  // namespace ose
