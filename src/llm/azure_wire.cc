// Azure OpenAI REST API reference, "Chat completions": the body is OpenAI's, the deployment stands in the
// URL, the key in the header api-key.
#include "base/json.h"
#include "llm/json_read.h"
#include "llm/openai_chat.h"
#include "llm/provider_error.h"

namespace ose {
namespace {

class AzureWire : public Wire {
 public:
  HttpRequest Encode(const Endpoint& endpoint, const ChatRequest& request) const override {
    HttpRequest http;
    http.url = endpoint.base_url + "/openai/deployments/" + PercentEncode(endpoint.model) +
               "/chat/completions?api-version=" + PercentEncode(endpoint.api_version);
    http.headers = {{"Content-Type", "application/json"}, {"Accept", "text/event-stream"}, {"api-key", endpoint.key}};
    http.body = JsonBody(ChatBody(ChatDialect::kOpenAi, endpoint.model, request));
    return http;
  }
  std::unique_ptr<ReplyDecoder> NewDecoder() const override { return NewChatDecoder(); }
  ErrorBody ReadError(int status, std::string_view body) const override { return ReadErrorBody(status, body); }
};

}  // namespace

std::unique_ptr<Wire> MakeAzureWire() { return std::make_unique<AzureWire>(); }

}  // namespace ose
