// HttpClient on libcurl.
#include "llm/http.h"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>

#include "base/utf8.h"

namespace ose {

std::string_view HttpResponse::Header(std::string_view name) const {
  for (auto& [n, value] : headers)
    if (n == name) return value;
  return "";
}

namespace {

struct Transfer {
  const HttpRequest& request;
  const std::function<void(std::string_view)>& on_data;
  const std::atomic<bool>* cancel;
  CURL* curl;
  HttpResponse response;
  uint64_t received = 0;
  Nanos last_byte;
  HttpEnd aborted = HttpEnd::kComplete;
};

size_t OnBody(char* data, size_t size, size_t n, void* user) {
  Transfer& t = *static_cast<Transfer*>(user);
  const size_t bytes = size * n;
  t.last_byte = MonotonicNow();
  t.received += bytes;
  if (t.received > t.request.max_bytes) {
    t.aborted = HttpEnd::kTooLong;
    return 0;
  }
  long status = 0;
  curl_easy_getinfo(t.curl, CURLINFO_RESPONSE_CODE, &status);
  if (status >= 200 && status < 300 && t.on_data) t.on_data({data, bytes});
  else t.response.body.append(data, bytes);
  return bytes;
}

size_t OnHeader(char* data, size_t size, size_t n, void* user) {
  Transfer& t = *static_cast<Transfer*>(user);
  t.last_byte = MonotonicNow();
  std::string_view line(data, size * n);
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) t.response.headers.clear();  // of an interim response, or a proxy's
  const size_t colon = line.find(':');
  if (colon != std::string_view::npos && t.response.headers.size() < 200) {
    std::string name(line.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
    t.response.headers.emplace_back(std::move(name), std::string(value));
  }
  return size * n;
}

// Called several times a second while nothing comes.
int OnProgress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  Transfer& t = *static_cast<Transfer*>(user);
  if (t.cancel && *t.cancel) t.aborted = HttpEnd::kCancelled;
  else if (MonotonicNow() - t.last_byte > t.request.idle_timeout) t.aborted = HttpEnd::kTimeout;
  return t.aborted != HttpEnd::kComplete;
}

HttpEnd EndOf(CURLcode code) {
  switch (code) {
    case CURLE_OK: return HttpEnd::kComplete;
    case CURLE_OPERATION_TIMEDOUT: return HttpEnd::kTimeout;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT: return HttpEnd::kConnect;
    default: return HttpEnd::kCut;
  }
}

// AWS signs the path percent-encoded once more than it is sent (all services but S3), while curl signs the
// path of the URL as it stands. So the URL gets the doubly encoded path, and the request line the real one.
std::string SignedUrl(const std::string& url, std::string* target) {
  const size_t scheme = url.find("://");
  const size_t path = scheme == std::string::npos ? std::string::npos : url.find('/', scheme + 3);
  if (path == std::string::npos || url.find('%', path) == std::string::npos) return url;
  *target = url.substr(path);
  std::string twice = url.substr(0, path);
  for (char c : *target) {
    if (c == '%') twice += "%25";
    else twice += c;
  }
  return twice;
}

class CurlHttp : public HttpClient {
 public:
  HttpResponse Post(const HttpRequest& request, const std::function<void(std::string_view)>& on_data, const std::atomic<bool>* cancel) override {
    Transfer t{request, on_data, cancel, nullptr, {}, 0, MonotonicNow(), HttpEnd::kComplete};
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);  // once, thread-safe as a static
    CURL* curl = ready == CURLE_OK ? curl_easy_init() : nullptr;
    if (!curl) {
      t.response.end = HttpEnd::kConnect;
      t.response.error = "libcurl cannot start";
      return t.response;
    }
    t.curl = curl;
    char error[CURL_ERROR_SIZE] = "";
    curl_slist* headers = nullptr;
    for (auto& [name, value] : request.headers) headers = curl_slist_append(headers, (name + ": " + value).c_str());
    headers = curl_slist_append(headers, "Expect:");  // no round trip before large prompts
    std::string url = request.url, target, credentials, scope;
    if (request.aws) {
      url = SignedUrl(request.url, &target);
      if (!target.empty()) curl_easy_setopt(curl, CURLOPT_REQUEST_TARGET, target.c_str());
      if (!request.aws->session_token.empty()) headers = curl_slist_append(headers, ("x-amz-security-token: " + request.aws->session_token).c_str());
      scope = "aws:amz:" + request.aws->region + ":" + request.aws->service;
      credentials = request.aws->access_key + ":" + request.aws->secret_key;
      curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, scope.c_str());
      curl_easy_setopt(curl, CURLOPT_USERPWD, credentials.c_str());
    }
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout.ms()));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(request.total_timeout.ms()));
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, OnBody);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &t);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, OnHeader);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &t);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, OnProgress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &t);
    const CURLcode code = curl_easy_perform(curl);
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    t.response.status = static_cast<int>(status);
    t.response.end = t.aborted != HttpEnd::kComplete ? t.aborted : EndOf(code);
    if (t.response.end != HttpEnd::kComplete) t.response.error = OneLine(error[0] ? error : curl_easy_strerror(code), 300);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return std::move(t.response);
  }
};

}  // namespace

std::unique_ptr<HttpClient> MakeCurlHttp() { return std::make_unique<CurlHttp>(); }

}  // namespace ose
