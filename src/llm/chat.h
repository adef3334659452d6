// ChatModel: one language model, whoever serves it: an HTTP API, a command, a mailbox folder.
//
// A call never throws and never hangs: it ends with a reply or with a named failure, and says in
// either case what it used, because failed calls cost money too. Keys are read from the
// environment when a model is made and appear in no text that leaves this room.
#ifndef OSEVOLVE_LLM_CHAT_H_
#define OSEVOLVE_LLM_CHAT_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/time.h"

namespace ose {

// Why a call gave no usable text. The order is that of blame: us, the key, the network, them.
enum class CallFailure : uint8_t {
  kNone,
  kCancelled,     // the run is ending
  kNoKey,         // the environment lacks the key; nothing was sent
  kAuth,          // 401, 403: the key is wrong or may not use this model
  kUnknownModel,  // 404, or the provider says so
  kRefused,       // 400 and other 4xx: the request is wrong; repeating it cannot help
  kRateLimited,   // 429 after all retries
  kServer,        // 5xx after all retries
  kNetwork,       // no connection, name not found, TLS
  kTimeout,       // no byte, or no end, in time
  kBroken,        // the stream ended in the middle
  kMalformed,     // not what the provider documents: HTML of a proxy, broken JSON
  kTooLarge,      // more than ChatRequest::max_reply_bytes
  kFiltered,      // the provider's filter or the model itself declined
  kEmpty,         // ended well, without text
  kProgram,       // command: it could not be started or failed
};
// "rate limited", ...; stable, for logs and the database.
const char* CallFailureName(CallFailure failure);

// Tokens as the provider reported them. `input` includes what was cached and written to the
// cache, `output` includes reasoning, whatever the provider's own convention.
struct Usage {
  int64_t input = 0, cached_input = 0, cache_write = 0;
  int64_t output = 0, reasoning = 0;
  bool reported = false;  // false: the provider said nothing (a command, a cut stream)
};

struct ChatRequest {
  // What stays the same from call to call, first: providers that cache prompts cache this.
  std::string system;
  std::string user;
  std::optional<double> temperature;  // absent: the provider's default
  std::string effort;                 // "", "minimal", "low", "medium", "high": reasoning effort
  int64_t max_output_tokens = 16'000; // reasoning included
  uint64_t max_reply_bytes = 4 << 20; // of text; longer replies are kTooLarge
  // Asked before each attempt after the first, with what the attempts so far used: false ends the call
  // with the last failure. So limits of money hold for retries too. Empty: always.
  std::function<bool(const Usage& so_far)> may_retry;
};

struct ChatReply {
  CallFailure failure = CallFailure::kNone;
  std::string reason;   // of a failure: one line, with the fix where there is one; no secrets
  std::string text;     // also of a truncated reply: what came. Valid UTF-8
  bool truncated = false;  // it hit max_output_tokens
  Usage usage;          // of all attempts together
  std::string model;    // as the provider names it, "" when it does not
  int attempts = 0;     // requests sent
  Nanos took{0};
  bool ok() const { return failure == CallFailure::kNone; }
};

// Thread-safe: calls may overlap.
class ChatModel {
 public:
  virtual ~ChatModel() = default;
  // Blocks until the end of the call; returns soon, with kCancelled, once `*cancel` is true.
  virtual ChatReply Complete(const ChatRequest& request, const std::atomic<bool>* cancel) = 0;
};

}  // namespace ose

#endif  // OSEVOLVE_LLM_CHAT_H_
