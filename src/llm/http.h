// HttpClient: the seam to the network. CurlHttp is the real one (libcurl); tests talk to a scripted
// server through it, or put a fake in its place.
#ifndef OSEVOLVE_LLM_HTTP_H_
#define OSEVOLVE_LLM_HTTP_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"

namespace ose {

// AWS Signature Version 4; libcurl signs.
struct AwsCredentials {
  std::string access_key, secret_key, session_token;
  std::string region, service;
};

struct HttpRequest {
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;  // may hold secrets: never log
  std::string body;                                          // POSTed
  std::optional<AwsCredentials> aws;
  Nanos connect_timeout = Nanos::Seconds(15);
  Nanos idle_timeout = Nanos::Seconds(120);   // without a byte, also before the first
  Nanos total_timeout = Nanos::Seconds(900);
  uint64_t max_bytes = 32 << 20;              // of the body; a longer one ends as kTooLong
};

enum class HttpEnd : uint8_t { kComplete, kConnect, kTimeout, kCut, kTooLong, kCancelled };

struct HttpResponse {
  HttpEnd end = HttpEnd::kComplete;
  std::string error = {};  // when not kComplete: libcurl's words
  int status = 0;     // 0: no response at all
  std::vector<std::pair<std::string, std::string>> headers = {};  // names in lower case
  std::string body = {};   // empty if on_data took it
  std::string_view Header(std::string_view lower_case_name) const;
};

// Thread-safe.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  // POST. `on_data` gets the body as it comes, but only of a response with status 200..299; other
  // bodies go to HttpResponse::body. Called on this thread; false means enough, and ends the
  // transfer as kTooLong. Redirects are not followed: a key must not travel to another host.
  virtual HttpResponse Post(const HttpRequest& request, const std::function<bool(std::string_view)>& on_data,
                            const std::atomic<bool>* cancel) = 0;
};

// Honours HTTPS_PROXY and friends. http:// is accepted for loopback and private servers.
std::unique_ptr<HttpClient> MakeCurlHttp();

}  // namespace ose

#endif  // OSEVOLVE_LLM_HTTP_H_
