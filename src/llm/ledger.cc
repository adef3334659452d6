#include "llm/ledger.h"

#include <fmt/format.h>

#include <algorithm>

namespace ose {

double Cost(const Price& p, const Usage& u) {
  const int64_t fresh = std::max<int64_t>(0, u.input - u.cached_input - u.cache_write);
  return (static_cast<double>(fresh) * p.input + static_cast<double>(u.cached_input) * p.cached_input +
          static_cast<double>(u.cache_write) * p.cache_write + static_cast<double>(u.output) * p.output) / 1e6;
}

int64_t EstimateTokens(std::string_view text) { return static_cast<int64_t>((text.size() + 2) / 3); }

void Ledger::Restore(const Totals& spent) {
  std::lock_guard lock(mutex_);
  spent_ = spent;
}

std::optional<Ledger::Ticket> Ledger::Reserve(double max_usd, int64_t max_tokens, int64_t max_calls) {
  std::lock_guard lock(mutex_);
  if (spent_.usd + reserved_.usd + max_usd > budget_.usd || spent_.calls + reserved_.calls > budget_.calls - max_calls ||
      spent_.tokens + reserved_.tokens > budget_.tokens - max_tokens) {
    refused_ = true;
    return std::nullopt;
  }
  reserved_.usd += max_usd;
  reserved_.tokens += max_tokens;
  reserved_.calls += max_calls;
  return Ticket{max_usd, max_calls, max_tokens};
}

void Ledger::Settle(const Ticket& ticket, double usd, int64_t tokens, int64_t calls) {
  std::lock_guard lock(mutex_);
  reserved_.usd -= ticket.usd;
  reserved_.tokens -= ticket.tokens;
  reserved_.calls -= ticket.calls;
  spent_.usd += usd;
  spent_.tokens += tokens;
  spent_.calls += calls;
  // Room that was reserved and not used may be enough for the next call.
  if (usd < ticket.usd || tokens < ticket.tokens || calls < ticket.calls) refused_ = false;
}

Ledger::Totals Ledger::spent() const {
  std::lock_guard lock(mutex_);
  return spent_;
}

Ledger::Totals Ledger::committed() const {
  std::lock_guard lock(mutex_);
  return {spent_.usd + reserved_.usd, spent_.calls + reserved_.calls, spent_.tokens + reserved_.tokens};
}

std::string Ledger::Exhausted() const {
  std::lock_guard lock(mutex_);
  if (spent_.calls + reserved_.calls >= budget_.calls) return fmt::format("--budget-calls {} is used up", budget_.calls);
  if (spent_.tokens + reserved_.tokens >= budget_.tokens)
    return fmt::format("--budget-tokens {} is used up ({} used)", budget_.tokens, spent_.tokens);
  if (spent_.usd + reserved_.usd >= budget_.usd) return fmt::format("--budget-usd {:.2f} is used up (${:.4f} spent)", budget_.usd, spent_.usd);
  if (refused_)
    return fmt::format("one more call might exceed the budget (${:.4f}, {} calls, {} tokens used or reserved)", spent_.usd + reserved_.usd,
                       spent_.calls + reserved_.calls, spent_.tokens + reserved_.tokens);
  return "";
}

}  // namespace ose
