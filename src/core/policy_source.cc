#include "core/policy_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <limits>
#include <optional>
#include <set>

#include "base/edit_distance.h"
#include "core/exit_code.h"
#include "core/lexer.h"

namespace ose {
namespace {

using Tokens = std::vector<LexToken>;

Error At(int line, std::string message) {
  return Error{kExitGate, fmt::format("line {}: {}", line, message)};
}

Tokens WithoutComments(std::string_view source) {
  Tokens all = Lex(source);
  std::erase_if(all, [](const LexToken& t) { return t.kind == LexKind::kComment; });
  return all;
}

// Value of "20'000'000" or "0x1F"; nothing when it is not a plain integer of s64.
std::optional<int64_t> ParseNumber(std::string_view text, bool negative) {
  std::string digits;
  for (char c : text)
    if (c != '\'') digits += c;
  bool hex = digits.starts_with("0x") || digits.starts_with("0X");
  if (!hex && digits.size() > 1 && digits[0] == '0') return std::nullopt;  // octal is a trap
  if (hex) digits.erase(0, 2);
  if (digits.empty()) return std::nullopt;
  uint64_t v = 0;
  auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), v, hex ? 16 : 10);
  // INT64_MIN has no literal in C++: its digits alone do not fit.
  if (ec != std::errc() || end != digits.data() + digits.size() || v > std::numeric_limits<int64_t>::max())
    return std::nullopt;
  return negative ? -static_cast<int64_t>(v) : static_cast<int64_t>(v);
}

struct Literal {
  int64_t value;
  size_t begin, end;
};

// Reads [-] number at tokens[i] and moves i past it.
std::optional<Literal> ReadLiteral(const Tokens& tokens, size_t& i) {
  bool negative = i < tokens.size() && tokens[i].text == "-";
  size_t n = i + negative;
  if (n >= tokens.size() || tokens[n].kind != LexKind::kNumber) return std::nullopt;
  std::optional<int64_t> value = ParseNumber(tokens[n].text, negative);
  if (!value) return std::nullopt;
  Literal literal{*value, tokens[i].begin, tokens[n].end};
  i = n + 1;
  return literal;
}

Result<TunableDecl> ReadTunable(const Tokens& tokens, size_t& i) {
  const int line = tokens[i].line;
  auto punct = [&](std::string_view p) {
    if (i >= tokens.size() || tokens[i].text != p) return false;
    ++i;
    return true;
  };
  ++i;  // TUNABLE
  if (!punct("(") || i >= tokens.size() || tokens[i].kind != LexKind::kIdentifier)
    return At(line, "TUNABLE needs a name: TUNABLE(name, default, min, max)");
  TunableDecl d;
  d.line = line;
  d.name = tokens[i++].text;
  int64_t* numbers[] = {&d.default_value, &d.min, &d.max};
  for (int k = 0; k < 3; ++k) {
    std::optional<Literal> literal;
    if (punct(",")) literal = ReadLiteral(tokens, i);
    if (!literal)
      return At(line, fmt::format("TUNABLE {}: default, min and max must be integer literals without suffix, "
                                  "as in TUNABLE({}, 20'000, 0, 1'000'000)",
                                  d.name, d.name));
    *numbers[k] = literal->value;
    if (k == 0) d.default_begin = literal->begin, d.default_end = literal->end;
  }
  if (!punct(")"))
    return At(line, fmt::format("TUNABLE {}: takes four arguments: name, default, min, max", d.name));
  if (d.min > d.max) return At(line, fmt::format("TUNABLE {}: min {} is above max {}", d.name, d.min, d.max));
  if (d.default_value < d.min || d.default_value > d.max)
    return At(line, fmt::format("TUNABLE {}: default {} is outside [{}, {}]", d.name, d.default_value, d.min,
                                d.max));
  return d;
}

struct Edit {
  size_t begin, end;
  std::string text;
};

// Applies edits in the order of the source; one that starts inside an earlier one is dropped.
std::string Apply(std::string_view source, std::vector<Edit> edits) {
  std::sort(edits.begin(), edits.end(), [](const Edit& a, const Edit& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
  });
  std::string out;
  size_t pos = 0;
  for (const Edit& e : edits) {
    if (e.begin < pos) continue;
    out.append(source, pos, e.begin - pos);
    out += e.text;
    pos = e.end;
  }
  out.append(source, pos, source.npos);
  return out;
}

std::vector<Edit> NormalizingEdits(const std::vector<TunableDecl>& tunables) {
  std::vector<Edit> edits;
  for (const TunableDecl& d : tunables)
    edits.push_back({d.default_begin, d.default_end, FormatNumber(d.min, true)});
  return edits;
}

// The new number in the spelling of the old one.
std::string Respell(std::string_view old_text, int64_t value) {
  if (old_text.find("0x") != old_text.npos || old_text.find("0X") != old_text.npos)
    return value < 0 ? fmt::format("-{:#x}", -value) : fmt::format("{:#x}", value);
  bool old_separators = old_text.find('\'') != old_text.npos;
  bool short_old = old_text.size() <= 4, long_new = value > 9999 || value < -9999;
  return FormatNumber(value, old_separators || (short_old && long_new));
}

std::string_view Trim(std::string_view s) {
  while (!s.empty() && std::isspace(static_cast<unsigned char>(s.front()))) s.remove_prefix(1);
  while (!s.empty() && std::isspace(static_cast<unsigned char>(s.back()))) s.remove_suffix(1);
  return s;
}

struct Marker {
  bool start = false;
  std::string name;
};

bool IsBlockName(std::string_view s) {
  return !s.empty() && s[0] >= 'a' && s[0] <= 'z' && std::all_of(s.begin(), s.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// Nothing for an ordinary comment, an error for a malformed marker.
Result<std::optional<Marker>> ReadMarker(const LexToken& t) {
  if (!t.text.starts_with("//")) return std::optional<Marker>();
  std::string_view text = Trim(t.text.substr(2));
  if (!text.starts_with("EVOLVE-BLOCK")) return std::optional<Marker>();
  size_t space = text.find_first_of(" \t");
  std::string_view word = text.substr(0, space);
  std::string_view rest = space == text.npos ? std::string_view() : Trim(text.substr(space));
  if (word != "EVOLVE-BLOCK-START" && word != "EVOLVE-BLOCK-END")
    return At(t.line, fmt::format("'{}' is no marker; write '// EVOLVE-BLOCK-START name' or "
                                  "'// EVOLVE-BLOCK-END'",
                                  word));
  if (!t.first_on_line) return At(t.line, fmt::format("{} must stand on a line of its own", word));
  Marker m{word == "EVOLVE-BLOCK-START", std::string(rest)};
  if (m.start && m.name.empty()) m.name = "block";
  if (m.start && !IsBlockName(m.name))
    return At(t.line, fmt::format("'{}' cannot name an evolve block; use a-z, 0-9 and _", m.name));
  return std::optional<Marker>(std::move(m));
}

// Brackets of a block must pair up inside it: code that closes a function and opens another
// would change the structure outside the block.
Status CheckBrackets(const Tokens& tokens, const EvolveBlock& block) {
  std::vector<char> open;
  for (const LexToken& t : tokens) {
    if (t.kind != LexKind::kPunct || t.begin < block.begin || t.begin >= block.end) continue;
    char c = t.text[0];
    if (c == '(' || c == '[' || c == '{') open.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
    if (c == ')' || c == ']' || c == '}') {
      if (open.empty() || open.back() != c)
        return At(t.line,
                  fmt::format("'{}' closes a bracket that evolve block '{}' did not open", c, block.name));
      open.pop_back();
    }
  }
  if (!open.empty())
    return At(block.line, fmt::format("evolve block '{}' lacks a closing '{}'", block.name, open.back()));
  return Status();
}

size_t NextLine(std::string_view s, size_t pos) {
  size_t newline = s.find('\n', pos);
  return newline == s.npos ? s.size() : newline + 1;
}

size_t LineStart(std::string_view s, size_t pos) {
  size_t newline = pos == 0 ? s.npos : s.rfind('\n', pos - 1);
  return newline == s.npos ? 0 : newline + 1;
}

}  // namespace

std::string FormatNumber(int64_t value, bool separators) {
  std::string s = std::to_string(value);
  if (!separators) return s;
  size_t first = s[0] == '-' ? 1 : 0;
  for (size_t i = s.size(); i > first + 3;) s.insert(i -= 3, "'");
  return s;
}

Result<std::vector<TunableDecl>> ParseTunables(std::string_view source) {
  Tokens tokens = WithoutComments(source);
  std::vector<TunableDecl> out;
  std::set<std::string> names;
  for (size_t i = 0; i < tokens.size();) {
    if (tokens[i].kind != LexKind::kIdentifier || tokens[i].text != "TUNABLE") {
      ++i;
      continue;
    }
    OSE_ASSIGN(TunableDecl d, ReadTunable(tokens, i));
    if (!names.insert(d.name).second) return At(d.line, fmt::format("TUNABLE {} is declared twice", d.name));
    out.push_back(std::move(d));
  }
  return out;
}

Result<std::string> SetTunables(std::string_view source, const Tunables& values) {
  OSE_ASSIGN(std::vector<TunableDecl> decls, ParseTunables(source));
  std::vector<Edit> edits;
  std::vector<std::string> names;
  size_t found = 0;
  for (const TunableDecl& d : decls) {
    names.push_back(d.name);
    auto it = values.find(d.name);
    if (it == values.end()) continue;
    ++found;
    if (it->second < d.min || it->second > d.max)
      return At(d.line, fmt::format("TUNABLE {}: {} is outside [{}, {}]", d.name, it->second, d.min, d.max));
    if (it->second == d.default_value) continue;
    std::string_view old_text = source.substr(d.default_begin, d.default_end - d.default_begin);
    edits.push_back({d.default_begin, d.default_end, Respell(old_text, it->second)});
  }
  if (found != values.size())
    for (const auto& [name, value] : values)
      if (std::find(names.begin(), names.end(), name) == names.end())
        return Error{kExitGate,
                     fmt::format("the policy has no TUNABLE '{}'{}", name, DidYouMean(name, names))};
  return Apply(source, std::move(edits));
}

Result<std::string> NormalizedSource(std::string_view source) {
  OSE_ASSIGN(std::vector<TunableDecl> tunables, ParseTunables(source));
  return Apply(source, NormalizingEdits(tunables));
}

std::string CanonicalSource(std::string_view source) {
  std::string out;
  const LexToken* before = nullptr;
  const Tokens tokens = Lex(source);
  for (const LexToken& t : tokens) {
    if (t.kind == LexKind::kComment) continue;
    // Punctuation comes character by character: only what touches may be one operator.
    if (before && (t.begin > before->end || t.kind != LexKind::kPunct || before->kind != LexKind::kPunct)) out += ' ';
    if (t.kind == LexKind::kNumber)
      std::copy_if(t.text.begin(), t.text.end(), std::back_inserter(out), [](char c) { return c != '\''; });
    else
      out += t.text;
    before = &t;
  }
  return out;
}

Result<Tunables> DefaultTunables(std::string_view source) {
  OSE_ASSIGN(std::vector<TunableDecl> decls, ParseTunables(source));
  Tunables out;
  for (const TunableDecl& d : decls) out[d.name] = d.default_value;
  return out;
}

Result<std::vector<EvolveBlock>> ParseEvolveBlocks(std::string_view source) {
  Tokens tokens = Lex(source);
  std::vector<EvolveBlock> blocks;
  std::set<std::string> names;
  bool open = false;
  for (const LexToken& t : tokens) {
    if (t.kind != LexKind::kComment) continue;
    OSE_ASSIGN(std::optional<Marker> marker, ReadMarker(t));
    if (!marker) continue;
    if (marker->start) {
      if (open)
        return At(t.line,
                  fmt::format("evolve block '{}' starts inside block '{}' of line {}; blocks do not nest",
                              marker->name, blocks.back().name, blocks.back().line));
      if (!names.insert(marker->name).second)
        return At(t.line, fmt::format("there are two evolve blocks '{}'; rename one", marker->name));
      blocks.push_back({marker->name, NextLine(source, t.end), 0, t.line});
      open = true;
    } else {
      if (!open) return At(t.line, "EVOLVE-BLOCK-END without a START");
      if (!marker->name.empty() && marker->name != blocks.back().name)
        return At(t.line, fmt::format("this END names '{}', but the open evolve block is '{}'", marker->name,
                                      blocks.back().name));
      blocks.back().end = LineStart(source, t.begin);
      open = false;
    }
  }
  if (open)
    return At(blocks.back().line,
              fmt::format("evolve block '{}' has no EVOLVE-BLOCK-END", blocks.back().name));
  for (const EvolveBlock& b : blocks) OSE_TRY(CheckBrackets(tokens, b));
  return blocks;
}

Result<std::string> Skeleton(std::string_view source) {
  OSE_ASSIGN(std::vector<EvolveBlock> blocks, ParseEvolveBlocks(source));
  OSE_ASSIGN(std::vector<TunableDecl> tunables, ParseTunables(source));
  std::vector<Edit> edits;
  for (const EvolveBlock& b : blocks) edits.push_back({b.begin, b.end, ""});
  for (Edit& e : NormalizingEdits(tunables)) edits.push_back(std::move(e));
  return Apply(source, std::move(edits));
}

Result<std::string> ReplaceBlock(std::string_view source, std::string_view name, std::string_view content) {
  OSE_ASSIGN(std::vector<EvolveBlock> blocks, ParseEvolveBlocks(source));
  std::vector<std::string> names;
  for (const EvolveBlock& b : blocks) {
    names.push_back(b.name);
    if (b.name != name) continue;
    std::string text(content);
    if (!text.empty() && text.back() != '\n') text += '\n';
    std::string out = Apply(source, {{b.begin, b.end, std::move(text)}});
    OSE_ASSIGN(std::vector<EvolveBlock> after, ParseEvolveBlocks(out));
    if (after.size() != blocks.size())
      return At(
          b.line,
          fmt::format("the new content of evolve block '{}' contains markers or an open comment", name));
    return out;
  }
  return Error{kExitGate, fmt::format("the policy has no evolve block '{}'{}", name,
                                      DidYouMean(std::string(name), names))};
}

}  // namespace ose
