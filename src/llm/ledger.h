// Ledger: what the calls of a run cost, and the limits that they must not exceed.
//
// A call reserves the most that it can cost before it starts, and settles what it did cost when it
// ends; what is reserved counts, so that calls in flight can never break a limit together. A call
// whose cost the provider did not report is settled by an estimate, and marked as such.
#ifndef OSEVOLVE_LLM_LEDGER_H_
#define OSEVOLVE_LLM_LEDGER_H_

#include <cstdint>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "llm/chat.h"

namespace ose {

// US dollars per million tokens.
struct Price {
  double input = 0, cached_input = 0, cache_write = 0, output = 0;
};

// Prices are data with a date: data/prices.toml ships, --prices FILE overrides entry by entry.
class PriceList {
 public:
  // `file` names the text in errors: unknown keys, wrong types, negative prices, no date (kExitUsage).
  static Result<PriceList> Parse(std::string_view toml, const std::string& file);
  // Entries of `other` replace ours.
  void Override(const PriceList& other);
  // By provider and model: the exact name, else the longest listed name that the model's begins with
  // (dated snapshots); local providers cost nothing. nullopt: unknown.
  std::optional<Price> Find(std::string_view provider, std::string_view model) const;
  const std::string& as_of() const { return as_of_; }  // "2026-11-25"

 private:
  std::string as_of_;
  std::map<std::string, Price, std::less<>> prices_;  // "provider:model"
};

double Cost(const Price& price, const Usage& usage);
// Tokens of a text, from above: for reservations and prompt budgets (bytes / 3, rounded up).
int64_t EstimateTokens(std::string_view text);

struct Budget {
  double usd = std::numeric_limits<double>::infinity();
  int64_t calls = std::numeric_limits<int64_t>::max();
  int64_t tokens = std::numeric_limits<int64_t>::max();  // input + output
};

// Thread-safe.
class Ledger {
 public:
  explicit Ledger(Budget budget) : budget_(budget) {}

  struct Totals {
    double usd = 0;
    int64_t calls = 0, tokens = 0;
  };
  // What a resumed run has spent already.
  void Restore(const Totals& spent);

  // A ticket, or nullopt when the call might break a limit. `max_usd` and `max_tokens` are the most it
  // can use, retries included.
  struct Ticket {
    double usd = 0;
    int64_t calls = 0, tokens = 0;
  };
  std::optional<Ticket> Reserve(double max_usd, int64_t max_tokens, int64_t max_calls = 1);
  // Gives the ticket back and books what was used.
  void Settle(const Ticket& ticket, double usd, int64_t tokens, int64_t calls);

  Totals spent() const;      // settled
  Totals committed() const;  // settled and reserved
  // "" or which limit is used up, for the log and the user: "--budget-usd 2.00 is used up ($1.97 spent)".
  std::string Exhausted() const;

 private:
  const Budget budget_;
  mutable std::mutex mutex_;
  Totals spent_, reserved_;
  bool refused_ = false;
};

}  // namespace ose

#endif  // OSEVOLVE_LLM_LEDGER_H_
