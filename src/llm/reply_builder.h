// ReplyBuilder: what every decoder gathers on the way to its ChatReply, and the rules by which a reply
// is good, cut off, declined or empty.
#ifndef OSEVOLVE_LLM_REPLY_BUILDER_H_
#define OSEVOLVE_LLM_REPLY_BUILDER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "llm/chat.h"

namespace ose {

class ReplyBuilder {
 public:
  // Valid UTF-8, as ParseJson gives it.
  void AddText(std::string_view text) { reply_.text += text; }
  void set_model(std::string_view model);
  Usage& usage() { return reply_.usage; }
  // The provider said that the reply is whole, or why it stops. Without this, it is kBroken.
  void End() { ended_ = true; }
  void EndTruncated() { ended_ = reply_.truncated = true; }
  bool ended() const { return ended_; }
  // "the model declined", "SAFETY", ...: the reply is kFiltered, whatever text came.
  void Decline(std::string_view why);
  // More words of a refusal that is streamed.
  void AddRefusal(std::string_view text);
  // The first failure stays.
  void Fail(CallFailure failure, std::string_view reason);
  bool failed() const { return reply_.failure != CallFailure::kNone; }

  uint64_t text_bytes() const { return reply_.text.size(); }
  ChatReply Finish();

 private:
  ChatReply reply_;
  std::string refusal_;
  bool ended_ = false, declined_ = false;
};

}  // namespace ose

#endif  // OSEVOLVE_LLM_REPLY_BUILDER_H_
