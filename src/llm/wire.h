// Wire: what one provider's API looks like, as pure functions: a ChatRequest becomes an HTTP
// request, the bytes of the (streamed) response become a ChatReply. No network, no clock, no
// environment in here. llm/http_model.h adds those.
//
// Each implementation cites the provider's documentation and keeps to what is documented: unknown
// fields and events are skipped, a missing one that is needed is kMalformed.
#ifndef OSEVOLVE_LLM_WIRE_H_
#define OSEVOLVE_LLM_WIRE_H_

#include <memory>
#include <string>
#include <string_view>

#include "llm/chat.h"
#include "llm/http.h"

namespace ose {

// Where and as whom to call; from the environment and the model's options (llm/providers.h).
struct Endpoint {
  std::string base_url;     // without a trailing slash
  std::string key;          // "" where none is needed
  std::string model;        // as the provider names it; Azure: the deployment
  std::string api_version;  // Azure, Anthropic
  std::optional<AwsCredentials> aws;  // Bedrock
};

// Takes one response. Not thread-safe; one per attempt.
class ReplyDecoder {
 public:
  virtual ~ReplyDecoder() = default;
  // A piece of a 2xx body, cut anywhere.
  virtual void Feed(std::string_view bytes) = 0;
  // After the last piece. `complete`: the body arrived whole as HTTP sees it. Sets failure, reason,
  // text, truncated, usage and model; what was used is set also when the call failed.
  virtual ChatReply Finish(bool complete) = 0;
  // Bytes of reply text so far, so that the caller can stop a reply that is too large.
  virtual uint64_t text_bytes() const = 0;
};

class Wire {
 public:
  virtual ~Wire() = default;
  // Always asks for a streamed reply with usage.
  virtual HttpRequest Encode(const Endpoint& endpoint, const ChatRequest& request) const = 0;
  virtual std::unique_ptr<ReplyDecoder> NewDecoder() const = 0;
  // The message in the body of a status other than 2xx, "" when there is none (HTML of a proxy);
  // and what it means beyond the status: kNone, or kUnknownModel, kFiltered, kAuth ...
  struct ErrorBody {
    std::string message;
    CallFailure means = CallFailure::kNone;
  };
  virtual ErrorBody ReadError(int status, std::string_view body) const = 0;
};

std::unique_ptr<Wire> MakeOpenAiChatWire();       // also every compatible server
std::unique_ptr<Wire> MakeOpenAiResponsesWire();
std::unique_ptr<Wire> MakeAzureWire();            // chat/completions of a deployment
std::unique_ptr<Wire> MakeAnthropicWire();
std::unique_ptr<Wire> MakeGeminiWire();
std::unique_ptr<Wire> MakeBedrockWire();          // Converse; a binary event stream

}  // namespace ose

#endif  // OSEVOLVE_LLM_WIRE_H_
