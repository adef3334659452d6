#include <algorithm>
#include <map>
#include <utility>

#include "core/exit_code.h"
#include "llm/endpoint.h"
#include "llm/http_model.h"
#include "llm/providers.h"
#include "llm/wire.h"

namespace ose {
namespace {

std::shared_ptr<const Wire> WireOf(const std::string& provider) {
  if (provider == "openai-responses") return MakeOpenAiResponsesWire();
  if (provider == "azure") return MakeAzureWire();
  if (provider == "anthropic") return MakeAnthropicWire();
  if (provider == "gemini") return MakeGeminiWire();
  if (provider == "bedrock") return MakeBedrockWire();
  return MakeOpenAiChatWire();
}

// Who pays and where: limits of a provider hold per account and server.
using Account = std::pair<std::string, std::string>;

Account AccountOf(const Endpoint& endpoint) {
  return {endpoint.base_url, endpoint.aws ? endpoint.aws->access_key : endpoint.key};
}

struct Limits {
  int concurrency = 0;
  double rpm = 0;  // 0: unlimited

  void Tighten(const ModelSpec& spec) {
    concurrency = concurrency == 0 ? spec.concurrency : std::min(concurrency, spec.concurrency);
    if (spec.rpm > 0) rpm = rpm == 0 ? spec.rpm : std::min(rpm, spec.rpm);
  }
};

}  // namespace

Result<std::vector<std::unique_ptr<ChatModel>>> MakeModels(const std::vector<ModelSpec>& specs, const Environment& env,
                                                           std::shared_ptr<HttpClient> http, uint64_t jitter_seed) {
  const auto is_http = [](const ModelSpec& spec) { return spec.provider != "command" && spec.provider != "mailbox"; };
  std::vector<Endpoint> endpoints(specs.size());
  std::map<Account, Limits> limits;
  for (size_t i = 0; i < specs.size(); ++i) {
    if (!is_http(specs[i])) continue;
    auto endpoint = ResolveEndpoint(specs[i], env);
    if (!endpoint.ok()) return Error{endpoint.error().code, "--llm " + specs[i].text + ": " + endpoint.error().message};
    endpoints[i] = std::move(*endpoint);
    limits[AccountOf(endpoints[i])].Tighten(specs[i]);
  }
  std::map<Account, std::shared_ptr<RateLimiter>> limiters;
  for (const auto& [account, limit] : limits)
    limiters[account] = std::make_shared<RateLimiter>(limit.concurrency, limit.rpm);

  std::vector<std::unique_ptr<ChatModel>> models;
  for (size_t i = 0; i < specs.size(); ++i) {
    const ModelSpec& spec = specs[i];
    if (spec.provider == "command") {
      models.push_back(MakeCommandModel(spec));
    } else if (spec.provider == "mailbox") {
      OSE_ASSIGN(auto mailbox, MakeMailboxModel(spec));
      models.push_back(std::move(mailbox));
    } else {
      HttpModelOptions options;
      options.name = spec.provider + ":" + spec.model;
      options.endpoint = endpoints[i];
      options.total_timeout = spec.timeout;
      options.idle_timeout = std::min(options.idle_timeout, spec.timeout);
      options.jitter_seed = jitter_seed + i;
      models.push_back(MakeHttpModel(std::move(options), WireOf(spec.provider), http, limiters[AccountOf(endpoints[i])]));
    }
  }
  return models;
}

Result<std::unique_ptr<ChatModel>> MakeModel(const ModelSpec& spec, const Environment& env, std::shared_ptr<HttpClient> http,
                                             uint64_t jitter_seed) {
  OSE_ASSIGN(auto models, MakeModels({spec}, env, std::move(http), jitter_seed));
  return std::move(models[0]);
}

}  // namespace ose
