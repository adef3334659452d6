#include "llm/reply_builder.h"

#include <utility>

#include "base/utf8.h"
#include "llm/provider_error.h"

namespace ose {

void ReplyBuilder::set_model(std::string_view model) {
  if (!model.empty()) reply_.model = OneLine(model, 200);
}

void ReplyBuilder::Decline(std::string_view why) {
  ended_ = declined_ = true;
  if (refusal_.empty()) refusal_ = why.substr(0, 4096);
}

void ReplyBuilder::AddRefusal(std::string_view text) {
  declined_ = true;
  if (refusal_.size() < 4096) refusal_ += text.substr(0, 4096);
}

void ReplyBuilder::Fail(CallFailure failure, std::string_view reason) {
  if (failed()) return;
  reply_.failure = failure;
  reply_.reason = SafeReason(reason);
}

ChatReply ReplyBuilder::Finish() {
  if (!failed()) {
    if (!ended_) {
      Fail(CallFailure::kBroken, "the reply ended in the middle");
    } else if (declined_) {
      Fail(CallFailure::kFiltered, refusal_.empty() ? "declined without a reason" : "declined: " + refusal_);
    } else if (reply_.text.empty() && reply_.truncated) {
      Fail(CallFailure::kEmpty, "max_tokens was used up by reasoning before any text: raise max_tokens or lower effort");
    } else if (reply_.text.empty()) {
      Fail(CallFailure::kEmpty, "the reply has no text");
    }
  }
  return std::move(reply_);
}

}  // namespace ose
