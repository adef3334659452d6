#include "llm/exchange.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>
#include <vector>

#include "base/base64.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "core/exit_code.h"
#include "llm/scrub.h"

namespace ose {
namespace {

using nlohmann::json;

constexpr uint64_t kLongestRecording = 1ull << 30;
// What http_model.cc reads of a response's headers.
constexpr std::array kKeptHeaders = {"content-type", "date", "retry-after", "retry-after-ms"};
constexpr std::array kEnds = {"complete", "connect", "timeout", "cut", "too_long", "cancelled"};  // as HttpEnd

std::string Lower(std::string s) {
  std::transform(s.begin(), s.end(), s.begin(), [](unsigned char c) { return static_cast<char>(tolower(c)); });
  return s;
}

std::vector<std::string> SecretsOf(const HttpRequest& request) {
  std::vector<std::string> secrets;
  for (const auto& [header, value] : request.headers) {
    const std::string name = Lower(header);
    if (name == "authorization" || name.find("key") != name.npos || name.find("token") != name.npos) {
      const size_t blank = value.find(' ');  // "Bearer KEY"
      secrets.push_back(blank == value.npos ? value : value.substr(blank + 1));
    }
  }
  if (request.aws) {
    secrets.insert(secrets.end(), {request.aws->access_key, request.aws->secret_key, request.aws->session_token});
  }
  std::erase_if(secrets, [](const std::string& s) { return s.empty(); });
  return secrets;
}

class RecordingHttp : public HttpClient {
 public:
  RecordingHttp(std::shared_ptr<HttpClient> inner, Fd file) : inner_(std::move(inner)), file_(std::move(file)) {}

  HttpResponse Post(const HttpRequest& request, const std::function<bool(std::string_view)>& on_data,
                    const std::atomic<bool>* cancel) override {
    std::string body;
    HttpResponse response = inner_->Post(
        request,
        [&](std::string_view bytes) {
          body += bytes;
          return !on_data || on_data(bytes);
        },
        cancel);
    if (body.empty()) body = response.body;
    Keep(request, response, body);
    return response;
  }

 private:
  void Keep(const HttpRequest& request, const HttpResponse& response, const std::string& body) {
    if (response.end == HttpEnd::kCancelled) return;
    const std::vector<std::string> secrets = SecretsOf(request);
    const auto text = [&](std::string_view s) { return ToValidUtf8(Scrub(s, secrets)); };
    json line = {{"format", 1},
                 {"url", text(request.url)},
                 {"request", text(request.body)},
                 {"end", kEnds[static_cast<size_t>(response.end)]},
                 {"status", response.status}};
    if (!response.error.empty()) line["error"] = text(response.error);
    line["headers"] = json::object();
    for (const char* name : kKeptHeaders)
      if (const std::string_view value = response.Header(name); !value.empty()) line["headers"][name] = text(value);
    const std::string clean = Scrub(body, secrets);
    if (IsValidUtf8(body)) {
      line["body"] = clean;
    } else if (clean == body) {
      line["body64"] = ToBase64(body);
    } else {
      return;
    }
    const std::string bytes = line.dump() + "\n";
    std::lock_guard lock(mutex_);
    // A full disk loses the recording and nothing else; a torn line is reported by whoever replays it.
    for (size_t done = 0; done < bytes.size();) {
      const ssize_t n = write(file_.get(), bytes.data() + done, bytes.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return;
      done += static_cast<size_t>(n);
    }
  }

  std::shared_ptr<HttpClient> inner_;
  std::mutex mutex_;
  Fd file_;
};

struct Exchange {
  std::string url, request;
  HttpResponse response;
  bool used = false;
};

std::optional<Exchange> ParseExchange(const std::string& line) {
  const json j = json::parse(line, nullptr, false);
  if (!j.is_object() || j.value("format", json()) != json(1)) return std::nullopt;
  try {
    Exchange e;
    e.url = j.at("url").get<std::string>();
    e.request = j.at("request").get<std::string>();
    const std::string end = j.at("end");
    const auto known = std::find(kEnds.begin(), kEnds.end(), end);
    if (known == kEnds.end()) return std::nullopt;
    e.response.end = static_cast<HttpEnd>(known - kEnds.begin());
    e.response.status = j.at("status");
    if (j.contains("error")) e.response.error = j.at("error").get<std::string>();
    for (auto& [name, value] : j.at("headers").items()) e.response.headers.emplace_back(name, value.get<std::string>());
    if (j.contains("body64")) {
      auto bytes = FromBase64(j.at("body64"));
      if (!bytes) return std::nullopt;
      e.response.body = std::move(*bytes);
    } else {
      e.response.body = j.at("body").get<std::string>();
    }
    return e;
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

class ReplayHttp : public HttpClient {
 public:
  explicit ReplayHttp(std::vector<Exchange> exchanges) : exchanges_(std::move(exchanges)) {}

  HttpResponse Post(const HttpRequest& request, const std::function<bool(std::string_view)>& on_data,
                    const std::atomic<bool>* cancel) override {
    if (cancel && *cancel) return {.end = HttpEnd::kCancelled};
    const std::vector<std::string> secrets = SecretsOf(request);
    auto found = Take(ToValidUtf8(Scrub(request.url, secrets)), ToValidUtf8(Scrub(request.body, secrets)));
    if (!found) return {.end = HttpEnd::kConnect, .error = "the recording has no further answer for " + Scrub(request.url, secrets)};
    if (found->status >= 200 && found->status < 300 && on_data) {
      if (!on_data(std::exchange(found->body, {}))) found->end = HttpEnd::kTooLong;
    }
    return std::move(*found);
  }

 private:
  std::optional<HttpResponse> Take(const std::string& url, const std::string& body) {
    std::lock_guard lock(mutex_);
    Exchange* next = nullptr;
    for (Exchange& e : exchanges_) {
      if (e.used || e.url != url) continue;
      if (!next) next = &e;
      if (e.request != body) continue;
      next = &e;
      break;
    }
    if (!next) return std::nullopt;
    next->used = true;
    return std::move(next->response);
  }

  std::mutex mutex_;
  std::vector<Exchange> exchanges_;
};

}  // namespace

Result<std::unique_ptr<HttpClient>> MakeRecordingHttp(std::shared_ptr<HttpClient> inner, const std::string& path) {
  Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (file.get() < 0) return Error{kExitUsage, fmt::format("--llm-record {}: {}", path, strerror(errno))};
  return std::unique_ptr<HttpClient>(std::make_unique<RecordingHttp>(std::move(inner), std::move(file)));
}

Result<std::unique_ptr<HttpClient>> MakeReplayHttp(const std::string& path) {
  auto text = ReadFile(path, kLongestRecording);
  if (!text.ok()) return Error{kExitUsage, "--llm-replay: " + text.error().message};
  std::vector<Exchange> exchanges;
  size_t number = 0;
  for (size_t from = 0; from < text->size();) {
    size_t to = text->find('\n', from);
    if (to == text->npos) to = text->size();
    ++number;
    auto exchange = ParseExchange(text->substr(from, to - from));
    if (!exchange)
      return Error{kExitUsage, fmt::format("{}:{}: no exchange as --llm-record writes it; a last line that is cut off can be deleted", path, number)};
    exchanges.push_back(std::move(*exchange));
    from = to + 1;
  }
  if (exchanges.empty()) return Error{kExitUsage, path + ": the recording is empty"};
  return std::unique_ptr<HttpClient>(std::make_unique<ReplayHttp>(std::move(exchanges)));
}

}  // namespace ose
