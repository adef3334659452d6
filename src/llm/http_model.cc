#include "llm/http_model.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <thread>

#include "base/utf8.h"
#include "llm/scrub.h"

namespace ose {
namespace {

constexpr size_t kMaxMessage = 200, kMaxReason = 300;

bool SleepOrCancel(Nanos duration, const std::atomic<bool>* cancel) {
  const Nanos start = MonotonicNow();
  for (;;) {
    if (cancel && *cancel) return false;
    const Nanos left = duration - (MonotonicNow() - start);
    if (left.v <= 0) return true;
    std::this_thread::sleep_for(std::chrono::nanoseconds(std::min(left, Nanos::Millis(50)).v));
  }
}

// A plain decimal number of `unit`s, at most a year.
std::optional<Nanos> ParseWait(std::string_view text, Nanos unit) {
  const std::string digits(text);
  if (digits.empty() || digits.find_first_not_of("0123456789.") != digits.npos) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(digits.c_str(), &end);
  if (*end != '\0') return std::nullopt;
  return Nanos{static_cast<int64_t>(std::min(value * static_cast<double>(unit.v), 365 * 86'400e9))};
}

std::optional<Nanos> RetryAfter(const HttpResponse& response) {
  if (auto wait = ParseWait(response.Header("retry-after-ms"), Nanos::Millis(1))) return wait;
  const std::string after(response.Header("retry-after"));
  if (auto wait = ParseWait(after, Nanos::Seconds(1))) return wait;
  const time_t date = after.empty() ? -1 : curl_getdate(after.c_str(), nullptr);
  if (date < 0) return std::nullopt;
  // By the server's clock, when it tells it.
  time_t now = curl_getdate(std::string(response.Header("date")).c_str(), nullptr);
  if (now < 0) now = std::time(nullptr);
  return ParseWait(std::to_string(std::max<time_t>(0, date - now)), Nanos::Seconds(1));
}

bool IsHtml(const HttpResponse& response, std::string_view body) {
  std::string start(body.substr(0, std::min<size_t>(body.size(), 256)));
  std::transform(start.begin(), start.end(), start.begin(), [](unsigned char c) { return std::tolower(c); });
  start.erase(0, start.find_first_not_of(" \t\r\n\xef\xbb\xbf"));
  return start.starts_with("<!doctype html") || start.starts_with("<html") || response.Header("content-type").starts_with("text/html");
}

// What is worth another attempt.
bool MayPass(CallFailure failure) {
  return failure == CallFailure::kRateLimited || failure == CallFailure::kServer || failure == CallFailure::kNetwork ||
         failure == CallFailure::kTimeout || failure == CallFailure::kBroken;
}

CallFailure FailureOfStatus(int status) {
  switch (status) {
    case 401:
    case 403: return CallFailure::kAuth;
    case 404: return CallFailure::kUnknownModel;
    case 408: return CallFailure::kTimeout;
    case 409: return CallFailure::kServer;  // the provider's own conflict: it passes
    case 429: return CallFailure::kRateLimited;
    default: return status >= 500 ? CallFailure::kServer : CallFailure::kRefused;
  }
}

const char* Hint(CallFailure failure) {
  switch (failure) {
    case CallFailure::kAuth: return "; check the key";
    case CallFailure::kUnknownModel: return "; check the name of the model and the URL";
    default: return "";
  }
}

struct Attempt {
  ChatReply reply;                  // of this attempt alone, its reason without the model's name
  std::optional<Nanos> retry_after;
  bool cost_unknown = false;        // it may have cost something, and the provider did not say what
};

class HttpModel : public ChatModel {
 public:
  HttpModel(HttpModelOptions options, std::shared_ptr<const Wire> wire, std::shared_ptr<HttpClient> http,
            std::shared_ptr<RateLimiter> limiter)
      : options_(std::move(options)), wire_(std::move(wire)), http_(std::move(http)), limiter_(std::move(limiter)) {
    secrets_.push_back(options_.endpoint.key);
    if (const auto& aws = options_.endpoint.aws) {
      secrets_.insert(secrets_.end(), {aws->secret_key, aws->session_token, aws->access_key});
    }
    if (!options_.sleep) options_.sleep = SleepOrCancel;
  }

  ChatReply Complete(const ChatRequest& request, const std::atomic<bool>* cancel) override {
    const Nanos start = MonotonicNow();
    ChatReply reply = Try(request, cancel);
    if (!reply.ok()) reply.reason = OneLine(Scrub(options_.name + ": " + reply.reason, secrets_), kMaxReason);
    reply.model = OneLine(reply.model, kMaxMessage);
    reply.took = MonotonicNow() - start;
    return reply;
  }

 private:
  ChatReply Try(const ChatRequest& request, const std::atomic<bool>* cancel);
  Attempt Send(const HttpRequest& http_request, const ChatRequest& request, const std::atomic<bool>* cancel);
  void ExplainStatus(const HttpResponse& response, ChatReply& reply);
  std::string Message(std::string_view text) const { return OneLine(Scrub(text, secrets_), kMaxMessage); }

  HttpModelOptions options_;
  const std::shared_ptr<const Wire> wire_;
  const std::shared_ptr<HttpClient> http_;
  const std::shared_ptr<RateLimiter> limiter_;
  std::vector<std::string> secrets_;
  std::atomic<uint64_t> calls_ = 0;
};

void Add(Usage& sum, const Usage& usage) {
  sum.input += usage.input;
  sum.cached_input += usage.cached_input;
  sum.cache_write += usage.cache_write;
  sum.output += usage.output;
  sum.reasoning += usage.reasoning;
}

ChatReply HttpModel::Try(const ChatRequest& request, const std::atomic<bool>* cancel) {
  HttpRequest http_request = wire_->Encode(options_.endpoint, request);
  http_request.idle_timeout = options_.idle_timeout;
  http_request.total_timeout = options_.total_timeout;
  ChatReply reply;
  for (const auto& [name, value] : http_request.headers) {
    // A key read from a file with its line end, for instance: no repetition can help.
    if (std::none_of(value.begin(), value.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; })) continue;
    reply.failure = CallFailure::kAuth;
    reply.reason = fmt::format("the key, sent as header {}, has a line break or another control character in it: set it anew", name);
    reply.usage.reported = true;
    return reply;
  }

  const RetryOptions& retry = options_.retry;
  Rng random = Rng::Stream(options_.jitter_seed, calls_++);
  Usage used{.reported = true};
  auto cancelled = [&](int attempts) {
    ChatReply none;
    none.failure = CallFailure::kCancelled;
    none.reason = "the search is ending";
    none.attempts = attempts;
    none.usage = used;
    return none;
  };
  Nanos backoff = retry.backoff;
  for (int attempt = 1;; ++attempt) {
    if (cancel && *cancel) return cancelled(attempt - 1);
    if (limiter_ && !limiter_->Acquire(cancel)) return cancelled(attempt - 1);
    Attempt sent = Send(http_request, request, cancel);
    if (limiter_) limiter_->Release();
    Add(used, sent.reply.usage);
    if (sent.cost_unknown) used.reported = false;
    reply = std::move(sent.reply);
    reply.attempts = attempt;
    reply.usage = used;
    if (!MayPass(reply.failure)) return reply;
    const Nanos asked = sent.retry_after.value_or(Nanos{0});
    if (asked > retry.max_wait) {
      reply.failure = CallFailure::kRateLimited;
      reply.reason += fmt::format("; the server asks for {:.0f} s of patience, more than {:g} s", asked.s(), retry.max_wait.s());
      return reply;
    }
    if (attempt >= retry.max_attempts) {
      if (attempt > 1) reply.reason += fmt::format(" (after {} attempts)", attempt);
      return reply;
    }
    if (asked.v > 0 && limiter_) limiter_->PauseUntil(MonotonicNow() + asked);
    if (request.may_retry && !request.may_retry(used)) return reply;
    const Nanos jittered{static_cast<int64_t>(static_cast<double>(backoff.v) * (0.5 + 0.5 * random.Unit()))};
    backoff = backoff > Nanos{retry.max_backoff.v / 2} ? retry.max_backoff : backoff * 2;
    if (!options_.sleep(std::max(jittered, asked), cancel)) return cancelled(attempt);
  }
}

Attempt HttpModel::Send(const HttpRequest& http_request, const ChatRequest& request, const std::atomic<bool>* cancel) {
  const std::unique_ptr<ReplyDecoder> decoder = wire_->NewDecoder();
  std::string start;  // of the body, to recognise HTML
  const HttpResponse response = http_->Post(
      http_request,
      [&](std::string_view bytes) {
        if (start.size() < 256) start += bytes.substr(0, 256);
        decoder->Feed(bytes);
        return decoder->text_bytes() <= request.max_reply_bytes;
      },
      cancel);
  const bool answered = response.status >= 200 && response.status < 300;
  Attempt attempt;
  ChatReply& reply = attempt.reply;
  if (answered) reply = decoder->Finish(response.end == HttpEnd::kComplete);
  reply.reason = Message(reply.reason);
  attempt.retry_after = RetryAfter(response);
  attempt.cost_unknown = (answered || (response.status == 0 && response.end != HttpEnd::kConnect)) && !reply.usage.reported;
  auto fail = [&](CallFailure failure, std::string reason) {
    reply.failure = failure;
    reply.reason = std::move(reason);
  };

  if (response.end == HttpEnd::kCancelled) {
    fail(CallFailure::kCancelled, "the search is ending");
  } else if (response.status != 0 && !answered) {
    ExplainStatus(response, reply);
  } else if (response.end == HttpEnd::kTooLong || decoder->text_bytes() > request.max_reply_bytes) {
    fail(CallFailure::kTooLarge, fmt::format("the reply has more than {} bytes of text, or {} in all", request.max_reply_bytes, http_request.max_bytes));
    reply.text.clear();
  } else if (response.end == HttpEnd::kConnect) {
    fail(CallFailure::kNetwork, Message(response.error));
  } else if (answered && !reply.ok() && IsHtml(response, start)) {
    fail(CallFailure::kMalformed, fmt::format("a proxy or gateway answered HTML (status {})", response.status));
  } else if (response.end == HttpEnd::kTimeout || response.end == HttpEnd::kCut) {
    // A decoder that has seen the provider's own end mark, or its error, knows better.
    const bool open = reply.failure == CallFailure::kBroken || reply.failure == CallFailure::kMalformed || reply.failure == CallFailure::kEmpty;
    if (!answered || open) {
      const bool timeout = response.end == HttpEnd::kTimeout;
      fail(timeout ? CallFailure::kTimeout : CallFailure::kBroken, (timeout ? "" : "the response broke off: ") + Message(response.error));
    }
  }
  return attempt;
}

void HttpModel::ExplainStatus(const HttpResponse& response, ChatReply& reply) {
  const int status = response.status;
  // Scrubbed before the wire can shorten it.
  const Wire::ErrorBody error = wire_->ReadError(status, Scrub(response.body, secrets_));
  const std::string message = Message(error.message);
  reply.failure = error.means == CallFailure::kNone ? FailureOfStatus(status) : error.means;
  if (message.empty() && IsHtml(response, response.body)) {
    // A final status is the proxy's word, not the provider's, so it says nothing about key or model.
    if (!MayPass(reply.failure)) reply.failure = CallFailure::kMalformed;
    reply.reason = fmt::format("a proxy or gateway answered HTML (status {})", status);
  } else if (status < 400) {
    reply.reason = fmt::format("status {}: the server redirects, which is not followed; check the URL", status);
  } else if (status == 407) {
    reply.reason = "status 407: the proxy asks for credentials; put them into the URL of the proxy";
  } else {
    reply.reason = fmt::format("status {}: {}{}", status, message.empty() ? CallFailureName(reply.failure) : message, Hint(reply.failure));
  }
}

}  // namespace

std::unique_ptr<ChatModel> MakeHttpModel(HttpModelOptions options, std::shared_ptr<const Wire> wire,
                                         std::shared_ptr<HttpClient> http, std::shared_ptr<RateLimiter> limiter) {
  return std::make_unique<HttpModel>(std::move(options), std::move(wire), std::move(http), std::move(limiter));
}

}  // namespace ose
