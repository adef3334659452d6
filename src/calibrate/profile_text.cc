#include "calibrate/profile_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include "workload/toml_reader.h"

namespace ose {
namespace {

constexpr size_t kCommentColumn = 30;

// "tick_ms" -> "tick"
std::string KeyStem(std::string_view key) {
  for (std::string_view suffix : {"_ns", "_us", "_ms", "_s"})
    if (key.ends_with(suffix)) return std::string(key.substr(0, key.size() - suffix.size()));
  return std::string(key);
}

std::string Padded(std::string line) {
  line.append(line.size() < kCommentColumn ? kCommentColumn - line.size() : 1, ' ');
  return line;
}

}  // namespace

ProfileEntry EntryOf(const Figure& f) {
  ProfileEntry e{f.table, f.key, "", f.unit, f.comment};
  if (!f.measured) return e;
  const double x = f.value.mean;
  if (f.unit == "ns") {
    e.value = fmt::format("{}", std::llround(x));
    return e;
  }
  const double unit = x > 0 ? std::pow(10, std::floor(std::log10(x)) - 2) : 1;
  e.value = TomlNumber(unit < 1 ? std::round(x / unit) / std::round(1 / unit) : std::round(x / unit) * unit);
  return e;
}

std::string ProfileText(const Machine& base, const std::vector<ProfileEntry>& entries, const std::vector<std::string>& head,
                        std::vector<std::string>* unknown) {
  std::string out;
  for (const std::string& line : head) out += "# " + line + "\n";
  std::string table;
  std::set<std::pair<std::string, std::string>> seen;
  const std::string text = FormatMachine(base);
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    at = end + 1;
    const size_t equals = line.find(" = ");
    if (line.starts_with('[')) table = line.substr(1, line.find(']') - 1);
    if (equals == std::string::npos || table.empty()) {
      out += line + "\n";
      continue;
    }
    const std::string key = line.substr(0, equals), stem = KeyStem(key);
    const auto entry = std::find_if(entries.begin(), entries.end(), [&](const ProfileEntry& e) { return e.table == table && (e.key == stem || e.key == key); });
    if (entry == entries.end()) {
      out += Padded(std::move(line)) + "# not measured: the default\n";
      continue;
    }
    seen.emplace(entry->table, entry->key);
    if (!entry->value.empty()) line = (entry->unit == "ns" ? stem + "_ns" : key) + " = " + entry->value;
    out += Padded(std::move(line)) + "# " + entry->comment + "\n";
  }
  if (unknown)
    for (const ProfileEntry& e : entries)
      if (!seen.contains({e.table, e.key})) unknown->push_back(e.key);
  return out;
}

}  // namespace ose
