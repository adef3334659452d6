#include "llm/chat.h"

namespace ose {

const char* CallFailureName(CallFailure failure) {
  switch (failure) {
    case CallFailure::kNone: return "none";
    case CallFailure::kCancelled: return "cancelled";
    case CallFailure::kNoKey: return "no key";
    case CallFailure::kAuth: return "not authorised";
    case CallFailure::kUnknownModel: return "unknown model";
    case CallFailure::kRefused: return "request refused";
    case CallFailure::kRateLimited: return "rate limited";
    case CallFailure::kServer: return "server error";
    case CallFailure::kNetwork: return "network";
    case CallFailure::kTimeout: return "timed out";
    case CallFailure::kBroken: return "broken stream";
    case CallFailure::kMalformed: return "malformed reply";
    case CallFailure::kTooLarge: return "reply too large";
    case CallFailure::kFiltered: return "declined";
    case CallFailure::kEmpty: return "empty reply";
    case CallFailure::kProgram: return "command failed";
  }
  return "?";
}

}  // namespace ose
