// Lines "name = value".
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/edit_distance.h"
#include "base/json.h"
#include "base/utf8.h"
#include "core/policy_source.h"
#include "llm/patch_kinds.h"
#include "llm/patch_lines.h"

namespace ose {
namespace {

// An object, also one around another, as lines "name = value"; any other text as it is.
std::string JsonAsLines(const std::string& text) {
  const size_t begin = text.find('{'), end = text.rfind('}');
  if (begin == text.npos || end == text.npos || end < begin) return text;
  const auto json = nlohmann::json::parse(text.begin() + static_cast<std::ptrdiff_t>(begin),
                                          text.begin() + static_cast<std::ptrdiff_t>(end) + 1, nullptr, false);
  if (!json.is_object()) return text;
  std::string lines;
  const auto add = [&](const std::string& name, const nlohmann::json& value) {
    lines += name + " = " + (value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', true)) + "\n";
  };
  for (const auto& [name, value] : json.items()) {
    if (!value.is_object())
      add(name, value);
    else
      for (const auto& [inner, v] : value.items()) add(inner, v);
  }
  return lines;
}

std::optional<int64_t> Integer(std::string_view text) {
  std::string digits;
  for (char c : text)
    if (c != '\'' && c != '_' && c != ',') digits += c;
  int64_t v = 0;
  const bool hex = digits.starts_with("0x") || digits.starts_with("0X");
  if (hex) digits.erase(0, 2);
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), v, hex ? 16 : 10);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return v;
}

// "name = value", "name: value", "\"name\": value,", "TUNABLE(name, value, ...)"; nothing when it is none.
std::optional<std::pair<std::string, std::string>> Assignment(std::string_view line) {
  std::string s = NormalLine(line, Tolerance::kSpaces);
  for (std::string_view prefix : {"TUNABLE(", "- ", "* ", "`"})
    if (s.starts_with(prefix)) {
      const bool macro = prefix == "TUNABLE(";
      s.erase(0, prefix.size());
      if (macro) {
        const size_t comma = s.find(','), next = comma == std::string::npos ? comma : s.find(',', comma + 1);
        if (next == std::string::npos) return std::nullopt;
        s = s.substr(0, comma) + "=" + s.substr(comma + 1, next - comma - 1);
      }
    }
  std::erase(s, '"');
  std::erase(s, '`');
  std::erase(s, '{');
  std::erase(s, '}');
  for (std::string_view comment : {"//", "#", "/*"}) s = s.substr(0, s.find(comment));
  while (!s.empty() && (s.back() == ',' || s.back() == ';' || s.back() == ' ' || s.back() == '.')) s.pop_back();
  const size_t at = s.find_first_of("=:");
  if (at == std::string::npos) return std::nullopt;
  std::string name = NormalLine(s.substr(0, at), Tolerance::kSpaces),
              value = NormalLine(s.substr(at + 1), Tolerance::kSpaces);
  const bool identifier = !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return isalnum(c) || c == '_';
  }) && !isdigit(static_cast<unsigned char>(name[0]));
  if (!identifier || value.empty()) return std::nullopt;
  return std::pair{name, value};
}

}  // namespace

PatchResult ApplyTunables(std::string_view reply, const std::vector<Fence>& fences, std::string_view base, bool asked) {
  constexpr PatchKind kind = PatchKind::kTunables;
  auto decls = ParseTunables(base);
  if (!decls.ok()) return Refused(PatchOutcome::kBadStructure, kind, decls.error().message);
  std::vector<std::string> names;
  for (const TunableDecl& d : *decls) names.push_back(d.name);
  std::string text;
  for (const Fence& f : fences) text += f.text;
  const bool bare = text.empty();
  if (bare) text = reply;
  text = JsonAsLines(text);
  Tunables values;
  for (const TextLine& l : SplitLines(text)) {
    auto a = Assignment(l.text);
    if (!a) continue;
    auto d = std::find_if(decls->begin(), decls->end(), [&](const TunableDecl& x) { return x.name == a->first; });
    const std::optional<int64_t> value = Integer(a->second);
    if (d == decls->end()) {
      // In prose, or where code was asked for, a line with a colon is no wrong name.
      if (bare || !asked || (!value && l.text.find('=') == std::string_view::npos)) continue;
      std::string range;
      const std::string near = Suggest(a->first, names);
      for (const TunableDecl& t : *decls)
        if (t.name == near)
          range = fmt::format(" It takes {} to {}.", FormatNumber(t.min, true), FormatNumber(t.max, true));
      return Refused(PatchOutcome::kBadTunable, kind,
                     fmt::format("there is no TUNABLE '{}'{}{} (they are: {})", OneLine(a->first, 80),
                                 DidYouMean(a->first, names), range, fmt::join(names, ", ")));
    }
    if (!value && bare && !asked) continue;
    if (!value)
      return Refused(PatchOutcome::kBadTunable, kind,
                     fmt::format("the value of {} must be one integer, not '{}'", d->name, OneLine(a->second, 60)));
    if (*value < d->min || *value > d->max)
      return Refused(PatchOutcome::kBadTunable, kind,
                     fmt::format("{} = {} is outside its range, {} to {}", d->name, *value, d->min, d->max));
    auto [it, fresh] = values.emplace(d->name, *value);
    if (!fresh && it->second != *value)
      return Refused(PatchOutcome::kAmbiguous, kind, d->name + " is given two values");
  }
  if (values.empty())
    return Refused(PatchOutcome::kNoPatch, kind,
                   "there are no lines \"name = value\" for this policy's TUNABLEs in the reply");
  auto child = SetTunables(base, values);
  if (!child.ok()) return Refused(PatchOutcome::kBadTunable, kind, child.error().message);
  return Checked(kind, base, *child);
}

}  // namespace ose
