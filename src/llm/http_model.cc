#include "llm/http_model.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <ctime>
#include <mutex>
#include <thread>

#include "base/utf8.h"

namespace ose {
namespace {

constexpr auto kLook = std::chrono::milliseconds(100);  // how often waiting looks at the cancel flag

bool SleepUntilCancelled(Nanos time, const std::atomic<bool>* cancel) {
  const Nanos end = MonotonicNow() + time;
  while (MonotonicNow() < end) {
    if (cancel && *cancel) return false;
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(kLook, std::chrono::nanoseconds((end - MonotonicNow()).v)));
  }
  return !(cancel && *cancel);
}

// Seconds as a number, or an HTTP date; 0 when there is neither.
Nanos RetryAfter(const HttpResponse& r) {
  auto number = [](std::string_view text, double* out) {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
    return error == std::errc() && end != text.data() && *out >= 0 && *out < 1e9;
  };
  double x = 0;
  if (number(r.Header("retry-after-ms"), &x)) return {static_cast<int64_t>(x * 1e6)};
  const std::string_view after = r.Header("retry-after");
  if (number(after, &x)) return {static_cast<int64_t>(x * 1e9)};
  if (!after.empty()) {
    const time_t then = curl_getdate(std::string(after).c_str(), nullptr), now = time(nullptr);
    if (then > now) return Nanos::Seconds(then - now);
  }
  return {0};
}

CallFailure FailureOfStatus(int status) {
  switch (status) {
    case 401:
    case 403: return CallFailure::kAuth;
    case 404: return CallFailure::kUnknownModel;
    case 408: return CallFailure::kTimeout;
    case 409: return CallFailure::kServer;
    case 429: return CallFailure::kRateLimited;
    default: return status >= 500 ? CallFailure::kServer : CallFailure::kRefused;
  }
}

bool MayPass(CallFailure f) {
  return f == CallFailure::kRateLimited || f == CallFailure::kServer || f == CallFailure::kNetwork || f == CallFailure::kTimeout || f == CallFailure::kBroken;
}

void Add(Usage* sum, const Usage& u) {
  sum->input += u.input;
  sum->cached_input += u.cached_input;
  sum->cache_write += u.cache_write;
  sum->output += u.output;
  sum->reasoning += u.reasoning;
  sum->reported = sum->reported || u.reported;
}

class HttpModel : public ChatModel {
 public:
  HttpModel(HttpModelOptions options, std::shared_ptr<const Wire> wire, std::shared_ptr<HttpClient> http, std::shared_ptr<RateLimiter> limiter)
      : options_(std::move(options)), wire_(std::move(wire)), http_(std::move(http)), limiter_(std::move(limiter)), jitter_(options_.jitter_seed) {
    if (!options_.sleep) options_.sleep = SleepUntilCancelled;
  }

  ChatReply Complete(const ChatRequest& request, const std::atomic<bool>* cancel) override {
    const Nanos start = MonotonicNow();
    ChatReply reply;
    Usage used;
    for (int attempt = 1;; ++attempt) {
      if (!limiter_->Acquire(cancel)) {
        reply.failure = CallFailure::kCancelled;
        reply.reason = "the search is ending";
        reply.attempts = attempt - 1;
        break;
      }
      Nanos wait{0};
      reply = Attempt(request, cancel, &wait);
      limiter_->Release();
      Add(&used, reply.usage);
      reply.attempts = attempt;
      if (!MayPass(reply.failure) || attempt == options_.retry.max_attempts) break;
      if (wait > options_.retry.max_wait) {
        reply.reason += fmt::format(" (asked to wait {:.0f} s)", wait.s());
        break;
      }
      // Whoever shares the account waits with us.
      if (wait.v > 0) limiter_->PauseUntil(MonotonicNow() + wait);
      if (request.may_retry && !request.may_retry(used)) break;
      if (!options_.sleep(std::max(wait, Backoff(attempt)), cancel)) {
        reply.failure = CallFailure::kCancelled;
        reply.reason = "the search is ending";
        break;
      }
    }
    reply.usage = used;
    reply.took = MonotonicNow() - start;
    if (!reply.ok()) reply.reason = Clean(options_.name + ": " + reply.reason);
    return reply;
  }

 private:
  Nanos Backoff(int attempt) {
    const double factor = static_cast<double>(1LL << std::min(attempt - 1, 30));
    const double most = static_cast<double>(options_.retry.max_backoff.v);
    std::lock_guard lock(mutex_);
    return {static_cast<int64_t>(std::min(static_cast<double>(options_.retry.backoff.v) * factor, most) * (0.5 + 0.5 * jitter_.Unit()))};
  }

  ChatReply Attempt(const ChatRequest& request, const std::atomic<bool>* cancel, Nanos* wait) {
    HttpRequest http = wire_->Encode(options_.endpoint, request);
    http.idle_timeout = options_.idle_timeout;
    http.total_timeout = options_.total_timeout;
    std::unique_ptr<ReplyDecoder> decoder = wire_->NewDecoder();
    // Stops the transfer from within: set by our caller or by a reply that is too large.
    std::atomic<bool> stop{false};
    bool too_large = false, got_data = false;
    std::thread watcher;
    std::atomic<bool> done{false};
    if (cancel)
      watcher = std::thread([&] {
        while (!done) {
          if (*cancel) stop = true;
          std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
      });
    HttpResponse r = http_->Post(http, [&](std::string_view bytes) {
      got_data = true;
      if (too_large) return;
      decoder->Feed(bytes);
      if (decoder->text_bytes() > request.max_reply_bytes) {
        too_large = true;
        stop = true;
      }
    }, &stop);
    done = true;
    if (watcher.joinable()) watcher.join();
    *wait = RetryAfter(r);

    ChatReply reply;
    auto failed = [&](CallFailure f, std::string reason) {
      reply.failure = f;
      reply.reason = std::move(reason);
      return reply;
    };
    const bool success = r.status >= 200 && r.status < 300;
    if (success && (got_data || r.end == HttpEnd::kComplete)) reply = decoder->Finish(r.end == HttpEnd::kComplete);
    if (too_large) return failed(CallFailure::kTooLarge, fmt::format("the reply has more than {} bytes", request.max_reply_bytes));
    if (cancel && *cancel && r.end == HttpEnd::kCancelled) return failed(CallFailure::kCancelled, "the search is ending");
    if (success && r.end == HttpEnd::kComplete) {
      if (reply.failure == CallFailure::kMalformed && r.Header("content-type").starts_with("text/html"))
        return failed(CallFailure::kMalformed, fmt::format("a proxy or gateway answered HTML (status {})", r.status));
      return reply;
    }
    switch (r.end) {
      case HttpEnd::kConnect: return failed(CallFailure::kNetwork, r.error);
      case HttpEnd::kTimeout: return failed(CallFailure::kTimeout, r.error.empty() ? "no answer in time" : r.error);
      case HttpEnd::kTooLong: return failed(CallFailure::kTooLarge, "the response is too large");
      case HttpEnd::kCut: return failed(r.status ? CallFailure::kBroken : CallFailure::kNetwork, r.error);
      case HttpEnd::kCancelled: return failed(CallFailure::kCancelled, "the search is ending");
      case HttpEnd::kComplete: break;
    }
    const Wire::ErrorBody body = wire_->ReadError(r.status, r.body);
    const CallFailure means = body.means != CallFailure::kNone ? body.means : FailureOfStatus(r.status);
    if (!body.message.empty()) return failed(means, fmt::format("status {}: {}", r.status, body.message));
    const bool html = r.Header("content-type").starts_with("text/html") || r.body.starts_with("<");
    return failed(means, html ? fmt::format("a proxy or gateway answered HTML (status {})", r.status) : fmt::format("status {}", r.status));
  }

  // One line without secrets, also when a server has echoed them.
  std::string Clean(std::string text) const {
    std::vector<std::string> secrets = {options_.endpoint.key};
    if (options_.endpoint.aws) {
      secrets.push_back(options_.endpoint.aws->secret_key);
      secrets.push_back(options_.endpoint.aws->session_token);
      secrets.push_back(options_.endpoint.aws->access_key);
    }
    for (const std::string& s : secrets)
      if (s.size() >= 4)
        for (size_t at; (at = text.find(s)) != std::string::npos;) text.replace(at, s.size(), "[key]");
    return OneLine(text, 300);
  }

  HttpModelOptions options_;
  const std::shared_ptr<const Wire> wire_;
  const std::shared_ptr<HttpClient> http_;
  const std::shared_ptr<RateLimiter> limiter_;
  std::mutex mutex_;  // guards jitter_
  Rng jitter_;
};

}  // namespace

struct RateLimiter::State {
  std::mutex mutex;
  std::condition_variable wake;
  int max_in_flight = 0, in_flight = 0;
  Nanos interval{0};    // between starts
  Nanos next_start{0};
};

RateLimiter::RateLimiter(int max_in_flight, double requests_per_minute) : state_(std::make_unique<State>()) {
  state_->max_in_flight = max_in_flight;
  if (requests_per_minute > 0) state_->interval = {static_cast<int64_t>(60e9 / requests_per_minute)};
}
RateLimiter::~RateLimiter() = default;

bool RateLimiter::Acquire(const std::atomic<bool>* cancel) {
  std::unique_lock lock(state_->mutex);
  for (;;) {
    if (cancel && *cancel) return false;
    const Nanos now = MonotonicNow();
    const bool room = state_->max_in_flight <= 0 || state_->in_flight < state_->max_in_flight;
    if (room && now >= state_->next_start) {
      ++state_->in_flight;
      state_->next_start = std::max(state_->next_start, now) + state_->interval;
      return true;
    }
    state_->wake.wait_for(lock, kLook);
  }
}

void RateLimiter::Release() {
  {
    std::lock_guard lock(state_->mutex);
    --state_->in_flight;
  }
  state_->wake.notify_all();
}

void RateLimiter::PauseUntil(Nanos monotonic) {
  std::lock_guard lock(state_->mutex);
  state_->next_start = std::max(state_->next_start, monotonic);
}

std::unique_ptr<ChatModel> MakeHttpModel(HttpModelOptions options, std::shared_ptr<const Wire> wire, std::shared_ptr<HttpClient> http,
                                         std::shared_ptr<RateLimiter> limiter) {
  return std::make_unique<HttpModel>(std::move(options), std::move(wire), std::move(http), std::move(limiter));
}

}  // namespace ose
