// SseDecoder: the common part of every decoder of a reply that comes as server-sent events with JSON.
#ifndef OSEVOLVE_LLM_SSE_DECODER_H_
#define OSEVOLVE_LLM_SSE_DECODER_H_

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "llm/reply_builder.h"
#include "llm/sse.h"
#include "llm/wire.h"

namespace ose {

class SseDecoder : public ReplyDecoder {
 public:
  void Feed(std::string_view bytes) final;
  ChatReply Finish(bool complete) final;
  uint64_t text_bytes() const final { return reply_.text_bytes(); }

 protected:
  // `data` is an object and no error.
  virtual void OnEvent(const nlohmann::json& data, ReplyBuilder& reply) = 0;
  // Whether an event's text is a mark of the API and no JSON ("[DONE]").
  virtual bool OnMark(std::string_view, ReplyBuilder&) { return false; }

 private:
  void Handle(const SseEvent& event);
  void FailWithoutEvents();

  SseParser parser_;
  ReplyBuilder reply_;
  std::string head_;  // of a body without events, to say what it is
  bool any_event_ = false, at_end_ = false;
};

}  // namespace ose

#endif  // OSEVOLVE_LLM_SSE_DECODER_H_
