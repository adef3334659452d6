#include "llm/http.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/sigpipe.h"
#include "base/utf8.h"

namespace ose {
namespace {

constexpr size_t kMaxHeaderBytes = 256 << 10;
constexpr Nanos kGlance = Nanos::Millis(100);  // between two looks at `cancel`

struct EasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct MultiDeleter {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct UrlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, ListDeleter>;

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

std::string_view Trim(std::string_view text) {
  const size_t from = text.find_first_not_of(" \t\r\n");
  if (from == text.npos) return {};
  return text.substr(from, text.find_last_not_of(" \t\r\n") - from + 1);
}

std::string UrlPart(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return {};
  std::string copy = text;
  curl_free(text);
  return copy;
}

bool IsLoopback(std::string_view host) {
  return host == "localhost" || host.ends_with(".localhost") || host.starts_with("127.") || host == "[::1]";
}

// What AWS signs: the path as it travels, with every byte percent-encoded that is not unreserved, so
// that "%3A" becomes "%253A" ("Create a signed AWS API request", step 1; S3 alone does without).
std::string SignedPath(std::string_view path) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (unsigned char c : path) {
    if (std::isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~' || c == '/') {
      out += static_cast<char>(c);
    } else {
      out += {'%', kHex[c >> 4], kHex[c & 15]};
    }
  }
  return out;
}

// The transfer in progress, as libcurl's callbacks see it.
struct Transfer {
  CURL* easy = nullptr;
  const HttpRequest* request = nullptr;
  const std::function<bool(std::string_view)>* on_data = nullptr;
  HttpResponse response;
  size_t header_bytes = 0;
  uint64_t body_bytes = 0;
  Nanos last_byte{0};
  bool too_long = false;
};

size_t OnHeader(char* data, size_t size, size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  const std::string_view line(data, size * count);
  transfer.last_byte = MonotonicNow();
  transfer.header_bytes += line.size();
  if (transfer.header_bytes > kMaxHeaderBytes) {
    transfer.too_long = true;
    return CURL_WRITEFUNC_ERROR;
  }
  const size_t colon = line.find(':');
  if (line.starts_with("HTTP/")) {
    transfer.response.headers.clear();  // those of a "100 Continue" came first
  } else if (colon != line.npos) {
    transfer.response.headers.emplace_back(Lower(Trim(line.substr(0, colon))), Trim(line.substr(colon + 1)));
  }
  return line.size();
}

size_t OnBody(char* data, size_t size, size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  const size_t bytes = size * count;
  transfer.last_byte = MonotonicNow();
  const uint64_t room = transfer.request->max_bytes - transfer.body_bytes;
  const std::string_view piece(data, std::min<uint64_t>(bytes, room));
  transfer.body_bytes += piece.size();
  long status = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
  if (*transfer.on_data && status >= 200 && status < 300) {
    if (!piece.empty() && !(*transfer.on_data)(piece)) transfer.too_long = true;
  } else {
    transfer.response.body += piece;
  }
  if (bytes > room) transfer.too_long = true;
  return transfer.too_long ? CURL_WRITEFUNC_ERROR : bytes;
}

class CurlHttp : public HttpClient {
 public:
  HttpResponse Post(const HttpRequest& request, const std::function<bool(std::string_view)>& on_data,
                    const std::atomic<bool>* cancel) override;

 private:
  HttpEnd Run(CURLM* multi, Transfer& transfer, const std::atomic<bool>* cancel, CURLcode* result);
};

// With a URL that libcurl cannot read, libcurl says so itself.
void SetTarget(CURL* easy, const HttpRequest& request) {
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  std::unique_ptr<CURLU, UrlDeleter> parts(curl_url());
  if (curl_url_set(parts.get(), CURLUPART_URL, request.url.c_str(), 0) != CURLUE_OK) return;
  // No proxy can reach our own loopback interface.
  if (IsLoopback(Lower(UrlPart(parts.get(), CURLUPART_HOST)))) curl_easy_setopt(easy, CURLOPT_PROXY, "");
  if (!request.aws) return;
  const AwsCredentials& aws = *request.aws;
  curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, ("aws:amz:" + aws.region + ":" + aws.service).c_str());
  curl_easy_setopt(easy, CURLOPT_USERNAME, aws.access_key.c_str());
  curl_easy_setopt(easy, CURLOPT_PASSWORD, aws.secret_key.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
  // libcurl 7.88 signs the path of the URL as it stands, so the URL gets the path to be signed, and
  // the request line the real one. Through a proxy that needs a tunnel, or the proxy would get a URL
  // without its host. On the text: curl_url_set turns "%3A" into "%3a", which gives another signature.
  const std::string_view url = request.url;
  const size_t scheme = url.find("://");
  const size_t from = std::min(url.find('/', scheme == url.npos ? 0 : scheme + 3), url.size());
  const size_t to = std::min(url.find_first_of("?#", from), url.size());
  const std::string_view path = url.substr(from, to - from), query = url.substr(to);
  if (path.empty()) return;
  curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, (std::string(path) + std::string(query)).c_str());
  curl_easy_setopt(easy, CURLOPT_URL, (std::string(url.substr(0, from)) + SignedPath(path) + std::string(query)).c_str());
}

HeaderList MakeHeaders(const HttpRequest& request) {
  HeaderList list;
  auto add = [&](const std::string& line) {
    // Appends in place, but makes the list with its first element.
    if (curl_slist* whole = curl_slist_append(list.get(), line.c_str()); !list) list.reset(whole);
  };
  for (const auto& [name, value] : request.headers) {
    if (!value.empty()) add(name + ": " + value);  // "Name:" would take a header of libcurl's own away
  }
  if (request.aws) {
    // All headers in this list are signed, so none may be here that is not sent.
    if (!request.aws->session_token.empty()) add("x-amz-security-token: " + request.aws->session_token);
  } else {
    add("Expect:");  // no "100-continue" before large bodies: many gateways do not answer it
  }
  return list;
}

HttpResponse CurlHttp::Post(const HttpRequest& request, const std::function<bool(std::string_view)>& on_data,
                            const std::atomic<bool>* cancel) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  Transfer transfer;
  HttpResponse& response = transfer.response;
  // A handle for each call: calls last for seconds, and a connection left over from the last one has
  // often been closed by the server in between.
  std::unique_ptr<CURLM, MultiDeleter> multi(curl_multi_init());
  std::unique_ptr<CURL, EasyDeleter> easy(curl_easy_init());
  if (initialised != CURLE_OK || !multi || !easy) {
    response.end = HttpEnd::kConnect;
    response.error = "libcurl could not be initialised";
    return response;
  }
  for (const auto& [name, value] : request.headers) {
    // A line break would start another header.
    const auto control = [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; };
    if (std::any_of(name.begin(), name.end(), control) || std::any_of(value.begin(), value.end(), control)) {
      response.end = HttpEnd::kConnect;
      response.error = "the header " + OneLine(name, 60) + " has a control character in it";
      return response;
    }
  }

  transfer.easy = easy.get();
  transfer.request = &request;
  transfer.on_data = &on_data;
  const HeaderList headers = MakeHeaders(request);
  char words[CURL_ERROR_SIZE] = "";
  CURL* e = easy.get();
  SetTarget(e, request);
  curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);  // no "." and ".." taken out: what is signed is what is sent
  curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);  // a model may think for minutes without a byte
  curl_easy_setopt(e, CURLOPT_USERAGENT, "osevolve");
  curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, std::max<long>(1, request.connect_timeout.v / 1'000'000));
  curl_easy_setopt(e, CURLOPT_ERRORBUFFER, words);
  curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  curl_easy_setopt(e, CURLOPT_POSTFIELDS, request.body.c_str());
  curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, OnHeader);
  curl_easy_setopt(e, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, OnBody);
  curl_easy_setopt(e, CURLOPT_WRITEDATA, &transfer);

  SigpipeGuard sigpipe;  // with NOSIGNAL libcurl leaves this to its caller
  curl_multi_add_handle(multi.get(), e);
  CURLcode result = CURLE_OK;
  response.end = Run(multi.get(), transfer, cancel, &result);
  long status = 0;
  curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  switch (response.end) {
    case HttpEnd::kComplete: break;
    case HttpEnd::kCancelled: response.error = "cancelled"; break;
    case HttpEnd::kTooLong: response.error = "the response is too long"; break;
    case HttpEnd::kTimeout: break;  // Run has set the words
    case HttpEnd::kConnect:
    case HttpEnd::kCut: response.error = OneLine(words[0] ? words : curl_easy_strerror(result), 200); break;
  }
  // A name that is still being looked up must not keep us: its thread ends by itself.
  curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
  curl_multi_remove_handle(multi.get(), e);
  sigpipe.Raised();
  return response;
}

// libcurl's own time-outs have a granularity of a second, and its callbacks come only once a second
// while nothing arrives; so this loop keeps the time.
HttpEnd CurlHttp::Run(CURLM* multi, Transfer& transfer, const std::atomic<bool>* cancel, CURLcode* result) {
  const HttpRequest& request = *transfer.request;
  const Nanos start = MonotonicNow();
  auto timed_out = [&](const char* what, Nanos limit) {
    transfer.response.error = fmt::format("{} {:g} s", what, limit.s());
    return HttpEnd::kTimeout;
  };
  curl_off_t connected = 0, sent = 0;
  for (;;) {
    if (cancel && *cancel) return HttpEnd::kCancelled;
    int running = 0;
    if (curl_multi_perform(multi, &running) != CURLM_OK) {
      *result = CURLE_FAILED_INIT;
      return HttpEnd::kCut;
    }
    const bool was_connected = connected > 0;
    const curl_off_t sent_before = sent;
    curl_easy_getinfo(transfer.easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
    curl_easy_getinfo(transfer.easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    if (running == 0) {
      int left = 0;
      if (const CURLMsg* message = curl_multi_info_read(multi, &left)) *result = message->data.result;
      if (transfer.too_long) return HttpEnd::kTooLong;
      if (*result == CURLE_OK) return HttpEnd::kComplete;
      return connected > 0 ? HttpEnd::kCut : HttpEnd::kConnect;
    }
    const Nanos now = MonotonicNow();
    if ((connected > 0) != was_connected || sent != sent_before) transfer.last_byte = now;
    Nanos wait = std::min(kGlance, request.total_timeout - (now - start));
    if (wait.v <= 0) return timed_out("no end of the response within", request.total_timeout);
    if (connected > 0) {
      const Nanos left = request.idle_timeout - (now - transfer.last_byte);
      if (left.v <= 0) return timed_out("nothing received for", request.idle_timeout);
      wait = std::min(wait, left);
    }
    curl_multi_poll(multi, nullptr, 0, static_cast<int>((wait.v + 999'999) / 1'000'000), nullptr);
  }
}

}  // namespace

std::string_view HttpResponse::Header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return value;
  }
  return {};
}

std::unique_ptr<HttpClient> MakeCurlHttp() { return std::make_unique<CurlHttp>(); }

}  // namespace ose
