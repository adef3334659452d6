#include "calibrate/profile_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
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

std::string ProfileText(const Machine& base, const std::vector<ProfileEntry>& entries, const std::vector<std::string>& head) {
  std::vector<bool> done(entries.size(), false);
  const auto line_of = [](const ProfileEntry& e, const std::string& key, const std::string& old_value) {
    const std::string stem = KeyStem(key);
    std::string line = fmt::format("{} = {}", key, old_value);
    if (!e.value.empty() && e.unit != "ns") line = fmt::format("{} = {}", key, e.value);
    else if (!e.value.empty() && e.table == "kernel") line = TomlDuration(stem, atoll(e.value.c_str()));
    else if (!e.value.empty()) line = fmt::format("{}_ns = {}", stem, e.value);
    return Padded(line) + "# " + e.comment + "\n";
  };
  // What a table has beyond the keys that are always there.
  const auto rest_of = [&](const std::string& table) {
    std::string rest;
    for (size_t i = 0; i < entries.size(); ++i) {
      const ProfileEntry& e = entries[i];
      if (e.table != table || done[i]) continue;
      done[i] = true;
      rest += e.value.empty() ? fmt::format("# {}: {}\n", e.key, e.comment) : line_of(e, e.key, "");
    }
    return rest;
  };

  std::string out, table;
  for (const std::string& line : head) out += "# " + line + "\n";
  const std::string text = FormatMachine(base);
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    const size_t equals = line.find(" = ");
    if (line.empty() && !table.empty()) out += rest_of(table);
    if (line.starts_with('[')) table = line.substr(1, line.find(']') - 1);
    if (equals == std::string::npos || table.empty()) {
      out += line + "\n";
      continue;
    }
    const std::string key = line.substr(0, equals), stem = KeyStem(key);
    size_t i = 0;
    while (i < entries.size() && (entries[i].table != table || KeyStem(entries[i].key) != stem)) ++i;
    if (i == entries.size()) {
      out += Padded(line) + "# not measured: the default\n";
      continue;
    }
    done[i] = true;
    out += line_of(entries[i], key, line.substr(equals + 3));
  }
  out += rest_of(table);
  for (const ProfileEntry& e : entries) {
    if (done[static_cast<size_t>(&e - entries.data())]) continue;
    const std::string own = e.table;
    std::string rest = rest_of(own);
    out += '\n';
    if (!rest.starts_with('#') || rest.find('\n') + 1 != rest.size()) out.append("[").append(own).append("]\n");
    out += rest;
  }
  return out;
}

}  // namespace ose
