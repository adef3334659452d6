#include "llm/endpoint.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>

#include "core/exit_code.h"

namespace ose {
namespace {

bool IsWord(unsigned char c) { return std::isalnum(c) != 0; }

std::string_view WithoutSlash(std::string_view url) {
  while (url.ends_with('/')) url.remove_suffix(1);
  return url;
}

// A variable that is set to nothing counts as not set.
std::string Read(const Environment& env, const std::string& name) {
  return name.empty() ? std::string() : env(name).value_or("");
}

const ProviderInfo* FindProvider(std::string_view name) {
  for (const ProviderInfo& p : Providers())
    if (p.name == name) return &p;
  return nullptr;
}

Error NotUsable(std::string message) { return {kExitModel, std::move(message)}; }

Error NotSet(const std::string& variable) { return NotUsable(variable + " is not set: export " + variable + "=..."); }

// A line break in a header would let a key add headers of its own; whatever else is no visible ASCII was
// pasted by accident.
Status CheckKey(const std::string& variable, std::string_view key) {
  for (unsigned char c : key)
    if (c <= 0x20 || c >= 0x7f)
      return NotUsable(variable + " holds a line break, a blank or a character that no key has: export it again");
  return {};
}

Result<std::string> ReadKey(const std::string& variable, const Environment& env) {
  std::string key = Read(env, variable);
  OSE_TRY(CheckKey(variable, key));
  return key;
}

// OLLAMA_HOST is what the server listens on: "host:port", "0.0.0.0", ":11434", or a URL.
std::string OllamaUrl(std::string host) {
  if (host.find("://") == std::string::npos) {
    if (host.starts_with(':')) host = "127.0.0.1" + host;
    if (host.starts_with("0.0.0.0")) host = "127.0.0.1" + host.substr(7);
    const bool bracket = host.ends_with(']');
    if (bracket || host.find(':') == std::string::npos) host += ":11434";
    host = "http://" + host;
  }
  host = WithoutSlash(host);
  return host.ends_with("/v1") ? host : host + "/v1";
}

struct Address {
  std::string url, from;  // `from` names it in errors
};

Result<Address> FindUrl(const ModelSpec& spec, const ProviderInfo& provider, const Environment& env) {
  if (!spec.url.empty()) return Address{spec.url, "url="};
  const std::string given = Read(env, provider.url_env);
  if (!given.empty()) return Address{spec.provider == "ollama" ? OllamaUrl(given) : given, provider.url_env};
  if (!provider.default_url.empty()) return Address{provider.default_url, "the default URL"};
  if (provider.url_env.empty()) return NotUsable("url= is missing: --llm " + provider.name + ":MODEL,url=http://HOST:PORT/v1");
  return NotUsable(provider.url_env + " is not set: export " + provider.url_env + "=https://..., or give url=");
}

bool IsRegion(std::string_view region) {
  return !region.empty() && region.size() <= 40 && std::all_of(region.begin(), region.end(), [](unsigned char c) {
    return std::islower(c) || std::isdigit(c) || c == '-';
  });
}

// An API key of Bedrock, or the three variables of an access key; both with a region.
Result<Endpoint> ResolveBedrock(const ModelSpec& spec, const ProviderInfo& provider, const Environment& env) {
  Endpoint endpoint;
  endpoint.model = spec.model;
  const std::string key_env = spec.key_env.empty() ? provider.key_env : spec.key_env;
  OSE_ASSIGN(endpoint.key, ReadKey(key_env, env));
  AwsCredentials aws;
  aws.service = "bedrock";
  std::string region_env = "AWS_REGION";
  if (Read(env, region_env).empty()) region_env = "AWS_DEFAULT_REGION";
  aws.region = Read(env, region_env);
  if (endpoint.key.empty()) {
    if (!spec.key_env.empty()) return NotSet(key_env);
    OSE_ASSIGN(aws.access_key, ReadKey("AWS_ACCESS_KEY_ID", env));
    OSE_ASSIGN(aws.secret_key, ReadKey("AWS_SECRET_ACCESS_KEY", env));
    OSE_ASSIGN(aws.session_token, ReadKey("AWS_SESSION_TOKEN", env));
    if (aws.access_key.empty() && aws.secret_key.empty())
      return NotUsable("no AWS credentials: export AWS_BEARER_TOKEN_BEDROCK=..., or AWS_ACCESS_KEY_ID=... and "
                       "AWS_SECRET_ACCESS_KEY=... (profiles: aws configure export-credentials --format env)");
    if (aws.access_key.empty()) return NotSet("AWS_ACCESS_KEY_ID");
    if (aws.secret_key.empty()) return NotSet("AWS_SECRET_ACCESS_KEY");
  }
  const std::string url = spec.url.empty() ? Read(env, provider.url_env) : spec.url;
  if (aws.region.empty() && (endpoint.key.empty() || url.empty()))
    return NotUsable("AWS_REGION is not set: export AWS_REGION=us-east-1 (the region where the model is enabled)");
  if (!aws.region.empty() && !IsRegion(aws.region)) return NotUsable(region_env + " is no name of a region (us-east-1)");
  endpoint.base_url = url.empty() ? "https://bedrock-runtime." + aws.region + ".amazonaws.com" : WithoutSlash(url);
  if (endpoint.key.empty()) endpoint.aws = std::move(aws);
  return endpoint;
}

bool Matches(uint32_t ip, std::string_view network, int bits) {
  in_addr n{};
  inet_pton(AF_INET, std::string(network).c_str(), &n);
  return (ip >> (32 - bits)) == (ntohl(n.s_addr) >> (32 - bits));
}

}  // namespace

std::string_view UrlHost(std::string_view url) {
  if (const size_t scheme = url.find("://"); scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  if (url.starts_with('[')) {
    const size_t end = url.find(']');
    return end == std::string_view::npos ? std::string_view() : url.substr(1, end - 1);
  }
  return url.substr(0, url.find_first_of(":/"));
}

std::string WhyBadUrl(std::string_view url) {
  if (!url.starts_with("http://") && !url.starts_with("https://")) return "it must begin with https:// or http://";
  std::string_view rest = url.substr(url.find("://") + 3);
  for (const unsigned char c : rest)
    if (!IsWord(c) && !std::strchr("-._~:/[]%+", c))
      return "it may hold a host, a port and a path, but no user name, key, query or special characters";
  const std::string_view authority = rest.substr(0, rest.find('/'));
  const std::string_view host = UrlHost(url);
  std::string_view port = authority;
  if (authority.starts_with('[')) {
    in6_addr address{};
    if (inet_pton(AF_INET6, std::string(host).c_str(), &address) != 1) return "the address in [...] is no IPv6 address";
    port.remove_prefix(host.size() + 2);
  } else {
    for (const unsigned char c : host)
      if (!IsWord(c) && c != '-' && c != '.' && c != '_') return "the host has characters that no host has";
    port.remove_prefix(host.size());
  }
  if (host.empty()) return "the host is missing";
  if (!port.empty()) {
    port.remove_prefix(1);
    const bool digits = !port.empty() && port.size() <= 5 && std::all_of(port.begin(), port.end(), [](unsigned char c) { return std::isdigit(c); });
    if (authority[authority.size() - port.size() - 1] != ':' || !digits || std::stoi(std::string(port)) > 65535 ||
        std::stoi(std::string(port)) == 0)
      return "the port must be 1 to 65535";
  }
  if (rest.substr(authority.size()).find_first_of("[]") != std::string_view::npos) return "the path has brackets";
  return "";
}

bool IsPrivateHost(std::string_view host) {
  const std::string name = [&] {
    std::string s(host);
    std::transform(s.begin(), s.end(), s.begin(), [](unsigned char c) { return std::tolower(c); });
    return s;
  }();
  in_addr v4{};
  if (inet_pton(AF_INET, name.c_str(), &v4) == 1) {
    const uint32_t ip = ntohl(v4.s_addr);
    // Loopback, RFC 1918, link-local, shared (carriers and overlay networks).
    return Matches(ip, "127.0.0.0", 8) || Matches(ip, "10.0.0.0", 8) || Matches(ip, "172.16.0.0", 12) ||
           Matches(ip, "192.168.0.0", 16) || Matches(ip, "169.254.0.0", 16) || Matches(ip, "100.64.0.0", 10);
  }
  in6_addr v6{};
  if (inet_pton(AF_INET6, name.c_str(), &v6) == 1) {
    const uint8_t* b = v6.s6_addr;
    const bool unique_local = (b[0] & 0xfe) == 0xfc, link_local = b[0] == 0xfe && (b[1] & 0xc0) == 0x80;
    return unique_local || link_local || IN6_IS_ADDR_LOOPBACK(&v6);
  }
  // A bare number is an address in disguise (134744072 is 8.8.8.8).
  const bool one_label = name.find('.') == std::string::npos && !name.empty() && std::isalpha(static_cast<unsigned char>(name[0]));
  return one_label || name.ends_with(".localhost") || name.ends_with(".local") || name.ends_with(".internal");
}

Result<Endpoint> ResolveEndpoint(const ModelSpec& spec, const Environment& env) {
  const ProviderInfo* provider = FindProvider(spec.provider);
  if (!provider) return Error{kExitInternal, "no provider " + spec.provider};
  Endpoint endpoint;
  if (spec.provider == "bedrock") {
    OSE_ASSIGN(endpoint, ResolveBedrock(spec, *provider, env));
    if (std::string why = WhyBadUrl(endpoint.base_url); !why.empty())
      return NotUsable((spec.url.empty() ? provider->url_env : "url=") + " is no URL of a server: " + why);
  } else {
    endpoint.model = spec.model;
    OSE_ASSIGN(const Address address, FindUrl(spec, *provider, env));
    endpoint.base_url = WithoutSlash(address.url);
    if (std::string why = WhyBadUrl(endpoint.base_url); !why.empty())
      return NotUsable(address.from + " is no URL of a server: " + why);
    std::string key_env = spec.key_env.empty() ? provider->key_env : spec.key_env;
    // Google's own clients read both.
    if (spec.key_env.empty() && spec.provider == "gemini" && Read(env, key_env).empty() && !Read(env, "GOOGLE_API_KEY").empty())
      key_env = "GOOGLE_API_KEY";
    OSE_ASSIGN(endpoint.key, ReadKey(key_env, env));
    // A server of one's own in the place of a provider (a proxy, a test) may want no key.
    const bool own_server = spec.key_env.empty() && IsPrivateHost(UrlHost(endpoint.base_url));
    if (endpoint.key.empty() && !key_env.empty() && !own_server) return NotSet(key_env);
  }
  if (spec.provider == "azure") {
    endpoint.api_version = Read(env, "AZURE_OPENAI_API_VERSION");
    if (endpoint.api_version.empty()) endpoint.api_version = "2025-04-01-preview";
  }
  const bool secret = !endpoint.key.empty() || endpoint.aws;
  if (secret && endpoint.base_url.starts_with("http://") && !IsPrivateHost(UrlHost(endpoint.base_url)))
    return NotUsable("the key would travel unencrypted to " + std::string(UrlHost(endpoint.base_url)) + ": use https://");
  return endpoint;
}

}  // namespace ose
