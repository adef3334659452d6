#include "llm/providers.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <set>

#include "base/edit_distance.h"
#include "base/utf8.h"
#include "core/exit_code.h"
#include "llm/endpoint.h"

namespace ose {
namespace {

constexpr size_t kMaxSpec = 4096;

bool IsLocal(std::string_view provider) { return provider == "command" || provider == "mailbox"; }

Error Bad(std::string_view spec, const std::string& what) {
  return {kExitUsage, "--llm " + OneLine(spec, 200) + ": " + what};
}

std::string Joined(const std::vector<std::string>& names) {
  std::string s;
  for (const std::string& name : names) s += (s.empty() ? "" : ", ") + name;
  return s;
}

// The whole of `text` as a number within [low, high].
template <class T>
bool ReadNumber(std::string_view text, T low, T high, T& out) {
  T v{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc() || end != text.data() + text.size() || !(v >= low && v <= high)) return false;
  out = v;
  return true;
}

bool IsVariableName(std::string_view s) {
  return !s.empty() && !std::isdigit(static_cast<unsigned char>(s[0])) &&
         std::all_of(s.begin(), s.end(), [](unsigned char c) { return std::isalnum(c) || c == '_'; });
}

// Sets one option of `spec`; "" or what its value must be.
std::string SetOption(std::string_view name, std::string_view value, ModelSpec& spec) {
  if (name == "url") {
    while (value.ends_with('/')) value.remove_suffix(1);
    spec.url = value;
    return WhyBadUrl(value);
  }
  if (name == "temperature") {
    const bool to_one = spec.provider == "anthropic" || spec.provider == "bedrock";
    double t = 0;
    if (!ReadNumber(value, 0.0, to_one ? 1.0 : 2.0, t)) return to_one ? "a number from 0 to 1" : "a number from 0 to 2";
    spec.temperature = t;
    return "";
  }
  if (name == "effort") {
    spec.effort = value;
    const bool known = value == "minimal" || value == "low" || value == "medium" || value == "high";
    return known ? "" : "minimal, low, medium or high";
  }
  if (name == "max_tokens")
    return ReadNumber<int64_t>(value, 1, 1'000'000, spec.max_tokens) ? "" : "a whole number from 1 to 1000000";
  if (name == "window")
    return ReadNumber<int64_t>(value, 1'000, 100'000'000, spec.window) ? "" : "a whole number from 1000 to 100000000";
  if (name == "concurrency") return ReadNumber(value, 1, 256, spec.concurrency) ? "" : "a whole number from 1 to 256";
  if (name == "rpm") return ReadNumber(value, 0.0, 1e6, spec.rpm) ? "" : "a number from 0 (unlimited) to 1000000";
  if (name == "timeout_s") {
    int64_t s = 0;
    if (!ReadNumber<int64_t>(value, 1, 86'400, s)) return "a whole number from 1 to 86400";
    spec.timeout = Nanos::Seconds(s);
    return "";
  }
  spec.key_env = value;
  return IsVariableName(value) ? "" : "the name of an environment variable; the key itself never stands on the command line";
}

const std::vector<std::string>& OptionNames() {
  static const auto& names = *new std::vector<std::string>{"url", "temperature", "effort", "max_tokens", "window",
                                                           "concurrency", "rpm", "timeout_s", "key_env"};
  return names;
}

Status ReadOptions(std::string_view text, std::string_view options, ModelSpec& spec) {
  std::set<std::string, std::less<>> given;
  while (!options.empty()) {
    const size_t comma = options.find(',');
    const std::string_view option = options.substr(0, comma);
    options.remove_prefix(comma == std::string_view::npos ? options.size() : comma + 1);
    const size_t equals = option.find('=');
    const std::string name = OneLine(option.substr(0, equals), 60);
    const auto& names = OptionNames();
    if (std::find(names.begin(), names.end(), name) == names.end())
      return Bad(text, "unknown option '" + name + "'" + DidYouMean(name, names) + "; options: " + Joined(names));
    if (equals == std::string_view::npos) return Bad(text, "option " + name + " has no value: " + name + "=...");
    if (!given.insert(name).second) return Bad(text, "option " + name + " is given twice");
    const std::string must = SetOption(name, option.substr(equals + 1), spec);
    if (must.empty()) continue;
    return Bad(text, name == "url" ? "url= is no URL of a server: " + must : name + " must be " + must);
  }
  // A small window leaves half of it for the prompt.
  if (!given.contains("max_tokens")) spec.max_tokens = std::min(spec.max_tokens, spec.window / 2);
  if (spec.max_tokens >= spec.window)
    return Bad(text, "max_tokens must be smaller than window (" + std::to_string(spec.window) + "), which holds the prompt as well");
  if (spec.provider == "compatible" && spec.url.empty())
    return Bad(text, "url= is missing: --llm compatible:MODEL,url=http://HOST:PORT/v1");
  return {};
}

}  // namespace

const std::vector<ProviderInfo>& Providers() {
  static const auto& providers = *new std::vector<ProviderInfo>{
      {"openai", "OPENAI_API_KEY", "OPENAI_BASE_URL", "https://api.openai.com/v1", "gpt-5-mini"},
      {"openai-responses", "OPENAI_API_KEY", "OPENAI_BASE_URL", "https://api.openai.com/v1", "gpt-5-mini"},
      {"azure", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT", "", "DEPLOYMENT"},
      {"anthropic", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "https://api.anthropic.com", "claude-sonnet-4-5"},
      {"gemini", "GEMINI_API_KEY", "", "https://generativelanguage.googleapis.com/v1beta", "gemini-2.5-flash"},
      {"bedrock", "AWS_BEARER_TOKEN_BEDROCK", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"},
      {"openrouter", "OPENROUTER_API_KEY", "", "https://openrouter.ai/api/v1", "deepseek/deepseek-chat"},
      {"deepseek", "DEEPSEEK_API_KEY", "", "https://api.deepseek.com", "deepseek-chat"},
      {"vllm", "", "VLLM_BASE_URL", "http://localhost:8000/v1", "Qwen/Qwen2.5-Coder-32B-Instruct"},
      {"llamacpp", "", "LLAMACPP_BASE_URL", "http://localhost:8080/v1", "default"},
      {"ollama", "", "OLLAMA_HOST", "http://localhost:11434/v1", "qwen2.5-coder:32b"},
      {"compatible", "", "", "", "MODEL,url=http://HOST:PORT/v1"},
      {"command", "", "", "", "CMD"},
      {"mailbox", "", "", "", "DIR"},
  };
  return providers;
}

Result<ModelSpec> ParseModelSpec(std::string_view text) {
  if (text.size() > kMaxSpec) return Bad(text, "longer than 4096 bytes");
  if (!IsValidUtf8(text) || text.find('\0') != std::string_view::npos) return Bad(text, "it is no UTF-8 text");
  std::vector<std::string> names;
  for (const ProviderInfo& p : Providers()) names.push_back(p.name);
  const size_t colon = text.find(':');
  ModelSpec spec;
  spec.text = text;
  spec.provider = text.substr(0, colon);
  if (std::find(names.begin(), names.end(), spec.provider) == names.end()) {
    const std::string name = OneLine(spec.provider, 60);
    return Bad(text, "unknown provider '" + name + "'" + DidYouMean(name, names) + "; write PROVIDER:MODEL with one of " + Joined(names));
  }
  std::string_view rest = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  if (IsLocal(spec.provider)) {
    if (rest.find_first_not_of(" \t\r\n") == std::string_view::npos)
      return Bad(text, spec.provider == "command" ? "the command is missing: command:CMD" : "the folder is missing: mailbox:DIR");
    spec.model = rest;
    return spec;
  }
  const size_t comma = rest.find(',');
  spec.model = rest.substr(0, comma);
  if (spec.model.empty()) return Bad(text, "the model is missing: " + spec.provider + ":MODEL");
  for (const unsigned char c : spec.model)
    if (c <= 0x20 || c == 0x7f) return Bad(text, "the model's name has a blank or a control character");
  OSE_TRY(ReadOptions(text, comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1), spec));
  return spec;
}

std::string WhyUnusable(const ModelSpec& spec, const Environment& env) {
  if (IsLocal(spec.provider)) return "";
  const auto endpoint = ResolveEndpoint(spec, env);
  return endpoint.ok() ? "" : endpoint.error().message;
}

Environment ProcessEnvironment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (!value) return std::nullopt;
    return value;
  };
}

}  // namespace ose
