// PriceList: prices of models, as TOML.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/edit_distance.h"
#include "base/toml.h"
#include "core/exit_code.h"
#include "llm/ledger.h"

namespace ose {
namespace {

constexpr std::string_view kFree[] = {"command", "mailbox", "vllm", "llamacpp", "ollama"};

Error At(const std::string& file, const toml::source_region& where, std::string text) {
  return {kExitUsage, fmt::format("{}:{}: {}", file, where.begin.line, text)};
}

bool IsDate(std::string_view s) {
  if (s.size() != 10) return false;
  for (size_t i = 0; i < s.size(); ++i)
    if (i == 4 || i == 7 ? s[i] != '-' : s[i] < '0' || s[i] > '9') return false;
  return true;
}

// One [[price]].
Result<std::pair<std::string, Price>> ReadEntry(const toml::table& t, const std::string& file) {
  static const std::vector<std::string> kKeys = {"provider", "model", "input", "cached_input", "cache_write", "output", "source"};
  std::string provider, model;
  Price p;
  bool has_input = false, has_output = false, has_cached = false, has_write = false;
  for (auto&& [key, node] : t) {
    const std::string name(key.str());
    if (std::find(kKeys.begin(), kKeys.end(), name) == kKeys.end())
      return At(file, node.source(), fmt::format("unknown key '{}' in [[price]]{}", name, DidYouMean(name, kKeys)));
    if (name == "provider" || name == "model" || name == "source") {
      auto text = node.value_exact<std::string>();
      if (!text || text->empty()) return At(file, node.source(), fmt::format("'{}' must be a text", name));
      if (name == "provider") provider = *text;
      if (name == "model") model = *text;
      continue;
    }
    auto number = node.is_number() ? node.value<double>() : std::nullopt;
    if (!number || !(*number >= 0 && *number <= 1e6)) return At(file, node.source(), fmt::format("'{}' must be dollars per million tokens, 0 to 1e6", name));
    if (name == "input") p.input = *number, has_input = true;
    if (name == "output") p.output = *number, has_output = true;
    if (name == "cached_input") p.cached_input = *number, has_cached = true;
    if (name == "cache_write") p.cache_write = *number, has_write = true;
  }
  if (provider.empty() || model.empty() || !has_input || !has_output)
    return At(file, t.source(), "a [[price]] needs provider, model, input and output");
  if (!has_cached) p.cached_input = p.input;
  if (!has_write) p.cache_write = p.input;
  return std::pair{provider + ":" + model, p};
}

}  // namespace

Result<PriceList> PriceList::Parse(std::string_view text, const std::string& file) {
  toml::parse_result parsed = toml::parse(text, file);
  if (!parsed) return At(file, parsed.error().source(), std::string(parsed.error().description()));
  const toml::table& root = parsed.table();
  PriceList list;
  for (auto&& [key, node] : root) {
    if (key == "as_of") {
      auto date = node.value_exact<std::string>();
      if (!date || !IsDate(*date)) return At(file, node.source(), "'as_of' must be a date as \"2026-11-25\"");
      list.as_of_ = *date;
    } else if (key == "price") {
      const toml::array* entries = node.as_array();
      if (!entries) return At(file, node.source(), "'price' must be written as [[price]]");
      for (auto&& entry : *entries) {
        const toml::table* t = entry.as_table();
        if (!t) return At(file, entry.source(), "'price' must be written as [[price]]");
        OSE_ASSIGN(auto pair, ReadEntry(*t, file));
        if (!list.prices_.insert(pair).second) return At(file, t->source(), pair.first + " has two prices");
      }
    } else {
      return At(file, node.source(), fmt::format("unknown key '{}'{} (as_of and [[price]] are known)", key.str(),
                                                 DidYouMean(std::string(key.str()), {"as_of", "price"})));
    }
  }
  if (list.as_of_.empty()) return Error{kExitUsage, file + ": prices need a date: as_of = \"2026-11-25\""};
  return list;
}

void PriceList::Override(const PriceList& other) {
  for (auto& [name, price] : other.prices_) prices_[name] = price;
}

std::optional<Price> PriceList::Find(std::string_view provider, std::string_view model) const {
  const std::string name = fmt::format("{}:{}", provider, model);
  if (auto it = prices_.find(name); it != prices_.end()) return it->second;
  const Price* best = nullptr;
  size_t longest = 0;
  for (auto& [key, price] : prices_) {
    // A dated snapshot: "gpt-5-2026-01-01" has the price of "gpt-5", "gpt-5-mini" has not.
    if (!name.starts_with(key) || name.size() == key.size() || key.size() <= longest) continue;
    const std::string_view rest = std::string_view(name).substr(key.size());
    if ((rest[0] != '-' && rest[0] != '@' && rest[0] != ':') || rest.size() < 2 || ((rest[1] < '0' || rest[1] > '9') && rest != "-latest")) continue;
    best = &price;
    longest = key.size();
  }
  if (best) return *best;
  if (std::find(std::begin(kFree), std::end(kFree), provider) != std::end(kFree)) return Price{};
  return std::nullopt;
}

}  // namespace ose
