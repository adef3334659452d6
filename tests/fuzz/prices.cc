// Price lists are files that users write: whatever is in one, it is a list or an error with its place, and
// no call costs a negative amount.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "llm/ledger.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto list = ose::PriceList::Parse(text, "prices.toml");
  if (!list.ok()) {
    if (!list.error().message.starts_with("prices.toml:")) abort();
    return 0;
  }
  ose::PriceList all = *list;
  all.Override(*list);
  if (all.as_of() != list->as_of()) abort();
  // What stands between quotes may be a name; with and without a snapshot's suffix.
  for (size_t from = text.find('"'), tries = 0; from != text.npos && tries < 50; from = text.find('"', from + 1), ++tries) {
    const size_t to = text.find('"', from + 1);
    if (to == text.npos) break;
    const std::string name(text.substr(from + 1, std::min<size_t>(to - from - 1, 200)));
    for (const char* provider : {"openai", "anthropic", "ollama"})
      for (const std::string& model : {name, name + "-2026-11-25"}) {
        const auto price = all.Find(provider, model);
        if (!price) continue;
        const double cost = ose::Cost(*price, {.input = 120'000, .cached_input = 50'000, .cache_write = 20'000, .output = 9'000});
        if (!std::isfinite(cost) || cost < 0) abort();
      }
  }
  return 0;
}
