// Providers: from "--llm anthropic:MODEL,effort=high" to a ChatModel.
//
//   PROVIDER:MODEL[,OPTION=VALUE...]    openai, openai-responses, azure, anthropic, gemini, bedrock,
//                                       openrouter, deepseek, vllm, llamacpp, ollama, compatible
//   command:CMD                         everything after the colon is a shell command
//   mailbox:DIR                         everything after the colon is a folder
// Options: url, temperature, effort, max_tokens, window (tokens of context), concurrency, rpm, timeout_s,
// key_env (name of the variable that holds the key).
#ifndef OSEVOLVE_LLM_PROVIDERS_H_
#define OSEVOLVE_LLM_PROVIDERS_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "llm/chat.h"
#include "llm/http.h"

namespace ose {

struct ModelSpec {
  std::string text;      // as it was given
  std::string provider;  // "openai", ...
  std::string model;     // "command": the command; "mailbox": the folder
  std::string url;       // "" = the provider's own, or its environment variable
  std::optional<double> temperature;
  std::string effort;
  int64_t max_tokens = 16'000;
  int64_t window = 128'000;
  int concurrency = 4;
  double rpm = 0;        // requests per minute; 0: unlimited
  Nanos timeout = Nanos::Seconds(900);
  std::string key_env;   // "" = the provider's own
};

// kExitUsage with a suggestion for a misspelt provider or option and the allowed values.
Result<ModelSpec> ParseModelSpec(std::string_view text);

// Reads a variable of the environment: getenv in the program, a table in tests.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
Environment ProcessEnvironment();

// Whether a model can be used as far as that can be told without calling it: "" or what is missing
// with the fix ("ANTHROPIC_API_KEY is not set: export ANTHROPIC_API_KEY=...").
std::string WhyUnusable(const ModelSpec& spec, const Environment& env);

// One row per provider for `doctor` and the documentation.
struct ProviderInfo {
  std::string name, key_env, url_env, default_url, example_model;
};
const std::vector<ProviderInfo>& Providers();

// Models in the order of `specs`. kExitModel when WhyUnusable says so of one. Models of one account (the same
// URL and key) share a rate limiter with the strictest limits among their specs; model i draws its jitter
// from jitter_seed + i.
Result<std::vector<std::unique_ptr<ChatModel>>> MakeModels(const std::vector<ModelSpec>& specs, const Environment& env,
                                                           std::shared_ptr<HttpClient> http, uint64_t jitter_seed);
// Just one.
Result<std::unique_ptr<ChatModel>> MakeModel(const ModelSpec& spec, const Environment& env, std::shared_ptr<HttpClient> http,
                                             uint64_t jitter_seed);

// command_model.cc, mailbox_model.cc
std::unique_ptr<ChatModel> MakeCommandModel(const ModelSpec& spec);
Result<std::unique_ptr<ChatModel>> MakeMailboxModel(const ModelSpec& spec);

}  // namespace ose

#endif  // OSEVOLVE_LLM_PROVIDERS_H_
