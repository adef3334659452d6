// HttpModel: a ChatModel behind an HTTP API: wire + client + retries + limits.
//
// Retries: 408, 409, 429, 5xx, connection failures, time-outs and streams that break are tried again,
// at most `max_attempts` in all, after `backoff · 2^n`, at most `max_backoff`, times a random factor
// in [0.5, 1]; a Retry-After (seconds or HTTP date) or retry-after-ms of the server is a lower limit.
// 400, 401, 403, 404 and a filtered reply are final. What failed attempts used is in the reply's usage;
// `reported` is false when an attempt that may have cost something (cut, timed out) did not say what, and
// true, with zeros, when every attempt was turned away (no connection, 401, 429): that is free.
#ifndef OSEVOLVE_LLM_HTTP_MODEL_H_
#define OSEVOLVE_LLM_HTTP_MODEL_H_

#include <functional>
#include <memory>
#include <string>

#include "base/random.h"
#include "llm/chat.h"
#include "llm/http.h"
#include "llm/wire.h"

namespace ose {

struct RetryOptions {
  int max_attempts = 6;
  Nanos backoff = Nanos::Seconds(1), max_backoff = Nanos::Seconds(60);
  Nanos max_wait = Nanos::Seconds(300);  // a longer Retry-After ends the call as kRateLimited
};

// Concurrency and rate of one provider account, shared by its models. Thread-safe.
class RateLimiter {
 public:
  // 0: unlimited.
  RateLimiter(int max_in_flight, double requests_per_minute);
  ~RateLimiter();
  // Blocks until a request may start; false when cancelled. Each success is paired with Release().
  bool Acquire(const std::atomic<bool>* cancel);
  void Release();
  // The server asked everybody to wait.
  void PauseUntil(Nanos monotonic);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct HttpModelOptions {
  std::string name;  // "openai:gpt-5", for messages
  Endpoint endpoint;
  RetryOptions retry;
  Nanos idle_timeout = Nanos::Seconds(120), total_timeout = Nanos::Seconds(900);
  uint64_t jitter_seed = 1;
  // The clock's sleep, replaced in tests. Returns false when cancelled.
  std::function<bool(Nanos, const std::atomic<bool>* cancel)> sleep;
};

// `limiter` may be null: no limits.
std::unique_ptr<ChatModel> MakeHttpModel(HttpModelOptions options, std::shared_ptr<const Wire> wire,
                                         std::shared_ptr<HttpClient> http, std::shared_ptr<RateLimiter> limiter);

}  // namespace ose

#endif  // OSEVOLVE_LLM_HTTP_MODEL_H_
