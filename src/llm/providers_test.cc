#include "llm/providers.h"

#include <map>

#include <gtest/gtest.h>

#include "core/exit_code.h"
#include "llm/endpoint.h"

namespace ose {
namespace {

ModelSpec Spec(const std::string& text) {
  auto spec = ParseModelSpec(text);
  EXPECT_TRUE(spec.ok()) << (spec.ok() ? "" : spec.error().message);
  return spec.ok() ? *spec : ModelSpec{};
}

std::string ErrorOf(const std::string& text) {
  const auto spec = ParseModelSpec(text);
  EXPECT_FALSE(spec.ok()) << text;
  if (spec.ok()) return "";
  EXPECT_EQ(spec.error().code, kExitUsage);
  return spec.error().message;
}

Environment Env(std::map<std::string, std::string> table) {
  return [table](const std::string& name) -> std::optional<std::string> {
    const auto it = table.find(name);
    if (it == table.end()) return std::nullopt;
    return it->second;
  };
}

Endpoint Resolved(const std::string& spec, const std::map<std::string, std::string>& table) {
  const auto endpoint = ResolveEndpoint(Spec(spec), Env(table));
  EXPECT_TRUE(endpoint.ok()) << spec << ": " << (endpoint.ok() ? "" : endpoint.error().message);
  return endpoint.ok() ? *endpoint : Endpoint{};
}

std::string Why(const std::string& spec, const std::map<std::string, std::string>& table) { return WhyUnusable(Spec(spec), Env(table)); }

TEST(ParseModelSpec, ProviderAndModel) {
  const ModelSpec spec = Spec("ollama:qwen2.5-coder:32b");
  EXPECT_EQ(spec.text, "ollama:qwen2.5-coder:32b");
  EXPECT_EQ(spec.provider, "ollama");
  EXPECT_EQ(spec.model, "qwen2.5-coder:32b");
  EXPECT_EQ(spec.max_tokens, 16'000);
  EXPECT_FALSE(spec.temperature);
  EXPECT_EQ(Spec("bedrock:us.anthropic.claude-v1:0,effort=low").model, "us.anthropic.claude-v1:0");
}

TEST(ParseModelSpec, EveryOption) {
  const ModelSpec spec = Spec(
      "openai:gpt-5,url=https://proxy.example/v1/,temperature=0.7,effort=high,max_tokens=32000,window=400000,"
      "concurrency=8,rpm=60.5,timeout_s=30,key_env=MY_KEY");
  EXPECT_EQ(spec.url, "https://proxy.example/v1");
  EXPECT_EQ(spec.temperature, 0.7);
  EXPECT_EQ(spec.effort, "high");
  EXPECT_EQ(spec.max_tokens, 32'000);
  EXPECT_EQ(spec.window, 400'000);
  EXPECT_EQ(spec.concurrency, 8);
  EXPECT_EQ(spec.rpm, 60.5);
  EXPECT_EQ(spec.timeout, Nanos::Seconds(30));
  EXPECT_EQ(spec.key_env, "MY_KEY");
}

TEST(ParseModelSpec, CommandAndMailboxTakeEverything) {
  EXPECT_EQ(Spec("command:agent --flag=a,b: c").model, "agent --flag=a,b: c");
  EXPECT_EQ(Spec("mailbox:/tmp/a,b").model, "/tmp/a,b");
  EXPECT_NE(ErrorOf("command:").find("the command is missing"), std::string::npos);
  EXPECT_NE(ErrorOf("mailbox: ").find("the folder is missing"), std::string::npos);
}

TEST(ParseModelSpec, ASmallWindowLeavesRoomForThePrompt) {
  EXPECT_EQ(Spec("vllm:m,window=8000").max_tokens, 4'000);
  EXPECT_EQ(Spec("vllm:m,max_tokens=7000,window=8000").max_tokens, 7'000);
  EXPECT_NE(ErrorOf("vllm:m,max_tokens=8000,window=8000").find("smaller than window"), std::string::npos);
}

TEST(ParseModelSpec, MistakesAreNamedWithTheFix) {
  const std::pair<const char*, const char*> cases[] = {
      {"anthropc:x", "unknown provider 'anthropc'; did you mean 'anthropic'?"},
      {"gpt-5", "write PROVIDER:MODEL with one of openai, "},
      {"", "unknown provider ''"},
      {"openai", "the model is missing: openai:MODEL"},
      {"openai:", "the model is missing"},
      {"openai:,effort=low", "the model is missing"},
      {"openai:a b", "blank"},
      {"openai:m,efort=low", "unknown option 'efort'; did you mean 'effort'?"},
      {"openai:m,x=1", "options: url, temperature"},
      {"openai:m,effort", "option effort has no value"},
      {"openai:m,effort=max", "effort must be minimal, low, medium or high"},
      {"openai:m,effort=low,effort=low", "given twice"},
      {"openai:m,temperature=2.1", "temperature must be a number from 0 to 2"},
      {"openai:m,temperature=nan", "temperature must be"},
      {"openai:m,temperature=", "temperature must be"},
      {"anthropic:m,temperature=1.1", "temperature must be a number from 0 to 1"},
      {"openai:m,max_tokens=0", "max_tokens must be a whole number from 1"},
      {"openai:m,max_tokens=1e3", "max_tokens must be"},
      {"openai:m,max_tokens=99999999999999999999", "max_tokens must be"},
      {"openai:m,window=10", "window must be"},
      {"openai:m,concurrency=0", "concurrency must be a whole number from 1 to 256"},
      {"openai:m,rpm=-1", "rpm must be"},
      {"openai:m,rpm=inf", "rpm must be"},
      {"openai:m,timeout_s=0", "timeout_s must be"},
      {"openai:m,key_env=sk-123", "the key itself never stands on the command line"},
      {"openai:m,url=example.com", "url= is no URL of a server: it must begin with https://"},
      {"openai:m,url=https://user:secret@example.com", "no user name, key"},
      {"openai:m,url=https://example.com/v1?key=secret", "query"},
      {"compatible:m", "url= is missing: --llm compatible:MODEL,url=http://HOST:PORT/v1"},
  };
  for (const auto& [text, part] : cases) EXPECT_NE(ErrorOf(text).find(part), std::string::npos) << text << " -> " << ErrorOf(text);
  EXPECT_EQ(ErrorOf("openai:m\x1b[31m,effort=x").find('\x1b'), std::string::npos);
  EXPECT_FALSE(ParseModelSpec(std::string("openai:\xff")).ok());
  EXPECT_FALSE(ParseModelSpec("openai:" + std::string(5000, 'x')).ok());
}

TEST(WhyUnusable, SaysWhatIsMissing) {
  EXPECT_EQ(Why("anthropic:m", {}), "ANTHROPIC_API_KEY is not set: export ANTHROPIC_API_KEY=...");
  EXPECT_EQ(Why("openai:m", {{"OPENAI_API_KEY", ""}}), "OPENAI_API_KEY is not set: export OPENAI_API_KEY=...");
  EXPECT_EQ(Why("openai:m,key_env=WORK_KEY", {{"OPENAI_API_KEY", "k"}}), "WORK_KEY is not set: export WORK_KEY=...");
  EXPECT_EQ(Why("azure:d", {{"AZURE_OPENAI_API_KEY", "k"}}),
            "AZURE_OPENAI_ENDPOINT is not set: export AZURE_OPENAI_ENDPOINT=https://..., or give url=");
  EXPECT_NE(Why("bedrock:m", {}).find("no AWS credentials"), std::string::npos);
  EXPECT_NE(Why("bedrock:m", {{"AWS_ACCESS_KEY_ID", "a"}}).find("AWS_SECRET_ACCESS_KEY is not set"), std::string::npos);
  EXPECT_NE(Why("bedrock:m", {{"AWS_ACCESS_KEY_ID", "a"}, {"AWS_SECRET_ACCESS_KEY", "s"}}).find("AWS_REGION is not set"), std::string::npos);
  for (const char* usable : {"vllm:m", "llamacpp:m", "ollama:m", "compatible:m,url=http://box:1/v1", "command:x", "mailbox:x"})
    EXPECT_EQ(Why(usable, {}), "") << usable;
}

TEST(WhyUnusable, KeysThatCannotBeKeys) {
  for (const char* key : {"k\r\nX-Evil: 1", "k\n", " k", "k\xc3\xa9", "k\x7f"}) {
    const std::string why = Why("openai:m", {{"OPENAI_API_KEY", key}});
    EXPECT_NE(why.find("OPENAI_API_KEY holds a line break"), std::string::npos);
    EXPECT_EQ(why.find("Evil"), std::string::npos);
    EXPECT_NE(Why("bedrock:m", {{"AWS_ACCESS_KEY_ID", "a"}, {"AWS_SECRET_ACCESS_KEY", key}, {"AWS_REGION", "us-east-1"}}), "");
  }
}

TEST(WhyUnusable, AKeyDoesNotTravelInTheClear) {
  const std::map<std::string, std::string> key = {{"OPENAI_API_KEY", "k"}, {"K", "k"}};
  EXPECT_EQ(Why("openai:m,url=http://api.example.com/v1", key), "the key would travel unencrypted to api.example.com: use https://");
  EXPECT_EQ(Why("openai:m,url=http://8.8.8.8/v1", key), "the key would travel unencrypted to 8.8.8.8: use https://");
  EXPECT_EQ(Why("openai:m,url=http://127.0.0.1:8000/v1", key), "");
  EXPECT_EQ(Why("openai:m,url=https://api.example.com/v1", key), "");
  EXPECT_EQ(Why("compatible:m,url=http://api.example.com/v1", key), "");
  EXPECT_NE(Why("compatible:m,url=http://api.example.com/v1,key_env=K", key), "");
  EXPECT_NE(Why("vllm:m,key_env=K", {{"K", "k"}, {"VLLM_BASE_URL", "http://1.2.3.4/v1"}}), "");
  EXPECT_NE(Why("bedrock:m,url=http://bedrock.example.com",
                {{"AWS_ACCESS_KEY_ID", "a"}, {"AWS_SECRET_ACCESS_KEY", "s"}, {"AWS_REGION", "us-east-1"}}), "");
}

TEST(ResolveEndpoint, DefaultsAndEnvironment) {
  const Endpoint openai = Resolved("openai:gpt-5", {{"OPENAI_API_KEY", "k"}});
  EXPECT_EQ(openai.base_url, "https://api.openai.com/v1");
  EXPECT_EQ(openai.key, "k");
  EXPECT_EQ(openai.model, "gpt-5");
  EXPECT_EQ(Resolved("openai:m", {{"OPENAI_API_KEY", "k"}, {"OPENAI_BASE_URL", "http://localhost:9/v1//"}}).base_url, "http://localhost:9/v1");
  EXPECT_EQ(Resolved("openai:m,url=https://a/v1", {{"OPENAI_API_KEY", "k"}, {"OPENAI_BASE_URL", "http://localhost:9/v1"}}).base_url, "https://a/v1");
  EXPECT_EQ(Resolved("openai:m", {{"OPENAI_BASE_URL", "http://localhost:9/v1"}}).key, "");
  EXPECT_EQ(Resolved("anthropic:m", {{"ANTHROPIC_API_KEY", "k"}}).base_url, "https://api.anthropic.com");
  EXPECT_EQ(Resolved("openai-responses:m,key_env=W", {{"W", "w"}, {"OPENAI_API_KEY", "k"}}).key, "w");
  EXPECT_EQ(Resolved("vllm:m", {}).base_url, "http://localhost:8000/v1");
  EXPECT_EQ(Resolved("vllm:m", {{"VLLM_BASE_URL", "http://gpu:8000/v1"}}).base_url, "http://gpu:8000/v1");
  EXPECT_EQ(Resolved("llamacpp:m", {}).base_url, "http://localhost:8080/v1");
  EXPECT_EQ(Resolved("compatible:m,url=http://box:1/v1", {{"OPENAI_API_KEY", "k"}}).key, "");
  EXPECT_EQ(Resolved("openrouter:a/b", {{"OPENROUTER_API_KEY", "k"}}).base_url, "https://openrouter.ai/api/v1");
}

TEST(ResolveEndpoint, GeminiTakesEitherKey) {
  EXPECT_EQ(Resolved("gemini:m", {{"GEMINI_API_KEY", "a"}, {"GOOGLE_API_KEY", "b"}}).key, "a");
  EXPECT_EQ(Resolved("gemini:m", {{"GOOGLE_API_KEY", "b"}}).key, "b");
}

TEST(ResolveEndpoint, Azure) {
  std::map<std::string, std::string> table = {{"AZURE_OPENAI_API_KEY", "k"}, {"AZURE_OPENAI_ENDPOINT", "https://res.openai.azure.com/"}};
  EXPECT_EQ(Resolved("azure:d", table).base_url, "https://res.openai.azure.com");
  EXPECT_EQ(Resolved("azure:d", table).api_version, "2025-04-01-preview");
  table["AZURE_OPENAI_API_VERSION"] = "2024-10-21";
  EXPECT_EQ(Resolved("azure:d", table).api_version, "2024-10-21");
}

TEST(ResolveEndpoint, Bedrock) {
  std::map<std::string, std::string> table = {{"AWS_ACCESS_KEY_ID", "a"}, {"AWS_SECRET_ACCESS_KEY", "s"}, {"AWS_SESSION_TOKEN", "t"},
                                              {"AWS_DEFAULT_REGION", "eu-west-1"}};
  const Endpoint signing = Resolved("bedrock:m", table);
  EXPECT_EQ(signing.base_url, "https://bedrock-runtime.eu-west-1.amazonaws.com");
  ASSERT_TRUE(signing.aws);
  EXPECT_EQ(signing.aws->access_key, "a");
  EXPECT_EQ(signing.aws->secret_key, "s");
  EXPECT_EQ(signing.aws->session_token, "t");
  EXPECT_EQ(signing.aws->region, "eu-west-1");
  EXPECT_EQ(signing.aws->service, "bedrock");
  table["AWS_REGION"] = "us-west-2";
  EXPECT_EQ(Resolved("bedrock:m", table).aws->region, "us-west-2");
  table["AWS_BEARER_TOKEN_BEDROCK"] = "key";
  EXPECT_EQ(Resolved("bedrock:m", table).key, "key");
  EXPECT_FALSE(Resolved("bedrock:m", table).aws);
  table["AWS_REGION"] = "evil.example/";
  EXPECT_NE(Why("bedrock:m", table), "");
}

TEST(ResolveEndpoint, OllamaHostInItsForms) {
  const std::pair<const char*, const char*> cases[] = {
      {"http://gpu:11434", "http://gpu:11434/v1"},   {"gpu:1234", "http://gpu:1234/v1"},
      {"gpu", "http://gpu:11434/v1"},                {"0.0.0.0", "http://127.0.0.1:11434/v1"},
      {"0.0.0.0:5000", "http://127.0.0.1:5000/v1"},  {":5000", "http://127.0.0.1:5000/v1"},
      {"https://o.example/v1/", "https://o.example/v1"}, {"[::1]", "http://[::1]:11434/v1"},
  };
  for (const auto& [host, url] : cases) EXPECT_EQ(Resolved("ollama:m", {{"OLLAMA_HOST", host}}).base_url, url) << host;
  EXPECT_EQ(Resolved("ollama:m", {}).base_url, "http://localhost:11434/v1");
}

TEST(Endpoint, Urls) {
  for (const char* good : {"https://a", "http://localhost:8000/v1", "http://[::1]:80", "http://10.0.0.1", "https://a.b-c.d:65535/x/y_z~.%20"})
    EXPECT_EQ(WhyBadUrl(good), "") << good;
  for (const char* bad : {"", "a", "ftp://a", "http://", "http:///x", "http://a:0", "http://a:", "http://a:65536", "http://a:1x", "http://a b",
                          "http://a@b", "http://a\\b", "http://a#b", "http://a?b", "http://[::1", "http://[::1]x", "http://[x]:1",
                          "http://a\r\nb", "http://:80", "http://a:1:2", "http://a%2eb", "http://a/[b]", "https://\xc3\xa9"})
    EXPECT_NE(WhyBadUrl(bad), "") << bad;
}

TEST(Endpoint, PrivateHosts) {
  for (const char* host : {"localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
                           "169.254.1.1", "100.100.1.1", "::1", "fd00::1", "fe80::1", "gpu-box", "gpu.local", "a.internal", "x.localhost"})
    EXPECT_TRUE(IsPrivateHost(host)) << host;
  for (const char* host : {"", "8.8.8.8", "172.32.0.1", "192.169.0.1", "100.128.0.1", "11.0.0.1", "2001:db8::1", "api.openai.com",
                           "10.0.0.1.example.com", "134744072", "0x08080808", "127.1", "localhost.example.com"})
    EXPECT_FALSE(IsPrivateHost(host)) << host;
}

TEST(Providers, EveryRowIsComplete) {
  for (const ProviderInfo& p : Providers()) {
    EXPECT_TRUE(ParseModelSpec(p.name + ":" + p.example_model).ok() || p.name == "compatible") << p.name;
    if (!p.default_url.empty()) EXPECT_EQ(WhyBadUrl(p.default_url), "") << p.name;
  }
  EXPECT_EQ(Providers().size(), 14u);
}

}  // namespace
}  // namespace ose
