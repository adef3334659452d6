#include "core/statements.h"

#include <algorithm>

#include "core/policy_source.h"

namespace ose {
namespace {

bool IsOneOf(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}
bool IsRecord(std::string_view word) { return IsOneOf(word, {"struct", "class", "enum", "union", "namespace"}); }
bool IsControl(std::string_view word) { return IsOneOf(word, {"if", "else", "for", "while", "switch", "do"}); }

}  // namespace

SourceTree::SourceTree(std::string_view text) : text_(text) {
  for (const LexToken& t : Lex(text))
    if (t.kind != LexKind::kComment) code_.push_back(t);
  match_.resize(code_.size());
  std::vector<size_t> open;
  for (size_t i = 0; i < code_.size(); ++i) {
    match_[i] = i;
    const std::string_view s = code_[i].text;
    if (code_[i].kind != LexKind::kPunct) continue;
    if (IsOneOf(s, {"(", "[", "{"})) open.push_back(i);
    if (!IsOneOf(s, {")", "]", "}"}) || open.empty()) continue;
    match_[i] = open.back();
    match_[open.back()] = i;
    open.pop_back();
  }
  // name ( ... ) [const] {
  for (size_t i = 1; i < code_.size(); ++i) {
    if (code_[i].text != "{" || match_[i] == i) continue;
    size_t k = i - 1;
    while (k > 0 && IsOneOf(code_[k].text, {"const", "noexcept"})) --k;
    if (code_[k].text != ")" || match_[k] == k || match_[k] == 0) continue;
    const LexToken& name = code_[match_[k] - 1];
    if (name.kind != LexKind::kIdentifier || IsControl(name.text)) continue;
    functions_.push_back({std::string(name.text), code_[i].end, code_[match_[i]].begin});
  }
}

size_t SourceTree::First(size_t offset) const {
  return static_cast<size_t>(std::lower_bound(code_.begin(), code_.end(), offset, [](const LexToken& t, size_t o) { return t.begin < o; }) - code_.begin());
}

std::vector<LexToken> SourceTree::TokensIn(size_t begin, size_t end) const {
  std::vector<LexToken> out;
  for (size_t i = First(begin); i < code_.size() && code_[i].begin < end; ++i) out.push_back(code_[i]);
  return out;
}

std::string SourceTree::Tokens(size_t begin, size_t end) const {
  std::string out;
  for (const LexToken& t : TokensIn(begin, end)) {
    if (!out.empty()) out += ' ';
    out += t.text;
  }
  return out;
}

std::set<std::string> SourceTree::Names(size_t begin, size_t end) const {
  std::set<std::string> out;
  for (const LexToken& t : TokensIn(begin, end))
    if (t.kind == LexKind::kIdentifier) out.emplace(t.text);
  return out;
}

std::string SourceTree::FunctionAt(size_t offset) const {
  std::string name;
  for (const FunctionRange& f : functions_)
    if (f.begin <= offset && offset <= f.end) name = f.name;  // the innermost is the last
  return name;
}

int SourceTree::LineAt(size_t offset) const {
  return 1 + static_cast<int>(std::count(text_.begin(), text_.begin() + static_cast<ptrdiff_t>(std::min(offset, text_.size())), '\n'));
}

// Behind the end of the line when nothing but a comment stands there.
size_t SourceTree::LineEnd(size_t offset, size_t end) const {
  const size_t newline = text_.find('\n', offset);
  const size_t line = newline == text_.npos ? text_.size() : newline + 1;
  const size_t next = First(offset);
  if (next < code_.size() && code_[next].begin < line) return offset;
  return std::min(line, end);
}

std::vector<CodeStatement> SourceTree::Statements(size_t begin, size_t end) const {
  size_t i = First(begin);
  return List(&i, begin, end);
}

std::vector<CodeStatement> SourceTree::List(size_t* i, size_t begin, size_t end) const {
  std::vector<CodeStatement> out;
  while (*i < code_.size() && code_[*i].begin < end) {
    const size_t before = *i;
    CodeStatement s = One(i, end);
    s.begin = out.empty() ? begin : out.back().end;
    out.push_back(std::move(s));
    if (*i == before) ++*i;  // a stray bracket
  }
  return out;
}

CodeStatement SourceTree::One(size_t* i, size_t end) const {
  CodeStatement s;
  const size_t first = *i;
  s.code_begin = code_[first].begin;
  auto at = [&](size_t k) { return k < code_.size() && code_[k].begin < end ? code_[k].text : std::string_view(); };
  size_t head = first;     // where the head of the next body begins
  size_t parentheses = 0;  // open, of calls that take a lambda
  bool assigns = false;
  for (; *i < code_.size() && code_[*i].begin < end; ++*i) {
    const std::string_view word = code_[*i].text;
    if (code_[*i].kind != LexKind::kPunct) {
      if (*i == first && word == "TUNABLE" && at(*i + 1) == "(") {
        *i = match_[*i + 1] + 1;
        break;
      }
      continue;
    }
    if (word == "=" && parentheses == 0) assigns = true;
    if (word == "(" || word == "[") ++parentheses;
    if ((word == ")" || word == "]") && parentheses > 0) --parentheses;
    if (word == ";" && parentheses == 0) {
      ++*i;
      if (at(*i) == "else" && IsControl(code_[first].text)) continue;
      break;
    }
    if (word != "{" || match_[*i] == *i) continue;
    const std::string_view previous = *i > first ? code_[*i - 1].text : std::string_view();
    const bool body = previous.empty() || IsOneOf(previous, {")", "else", "do", "const", "mutable"}) || IsRecord(code_[first].text);
    const size_t close = match_[*i];
    if (body) {
      CodeArm arm;
      arm.head_begin = code_[head].begin;
      arm.head_end = code_[*i].end;
      arm.close = code_[close].begin;
      arm.head = Tokens(arm.head_begin, arm.head_end);
      arm.body_begin = LineEnd(arm.head_end, arm.close);
      const size_t line = text_.rfind('\n', arm.close);
      arm.body_end = line != text_.npos && line >= arm.body_begin && text_.find_first_not_of(" \t", line + 1) == arm.close ? line + 1 : arm.close;
      if (line != text_.npos && line + 1 == arm.body_begin) arm.body_end = arm.body_begin;  // an empty body
      arm.body_end = std::max(arm.body_begin, arm.body_end);
      size_t inner = *i + 1;
      arm.body = List(&inner, arm.body_begin, arm.close);
      s.arms.push_back(std::move(arm));
    }
    *i = close;
    head = close + 1;
    if (body && parentheses == 0 && !assigns && !IsRecord(code_[first].text) && !IsOneOf(at(close + 1), {"else", ";", "(", ")", ",", "."})) {
      ++*i;
      break;
    }
  }
  const size_t last = std::max(first, *i - 1);
  s.code_end = code_[last].end;
  s.end = LineEnd(s.code_end, end);
  s.tokens = Tokens(s.code_begin, s.code_end);
  if (!s.arms.empty()) s.tail = Tokens(s.arms.back().close + 1, s.code_end);
  s.declares = Declared(first, last);
  return s;
}

// [static] type [<...>] [&*] name, then one of = ; { [ ( : ,
std::string SourceTree::Declared(size_t first, size_t last) const {
  size_t i = first;
  auto word = [&](size_t k) { return k <= last ? code_[k].text : std::string_view(); };
  auto is_name = [&](size_t k) { return k <= last && code_[k].kind == LexKind::kIdentifier; };
  if (word(i) == "TUNABLE") return std::string(word(i + 2));
  while (IsOneOf(word(i), {"static", "const", "constexpr", "inline", "volatile"})) ++i;
  if (IsRecord(word(i)) || word(i) == "using") return std::string(word(i + 1));
  if (!is_name(i) || IsControl(word(i)) || IsOneOf(word(i), {"return", "case", "goto", "break", "continue"})) return "";
  ++i;
  while (word(i) == ":" && word(i + 1) == ":" && is_name(i + 2)) i += 3;
  while (is_name(i) && IsOneOf(word(i), {"long", "int", "char", "const"})) ++i;
  if (word(i) == "<") {
    int depth = 0;
    for (; i <= last; ++i) {
      depth += word(i) == "<" ? 1 : word(i) == ">" ? -1 : 0;
      if (depth == 0) break;
    }
    ++i;
  }
  while (IsOneOf(word(i), {"&", "*", "const"})) ++i;
  if (!is_name(i) || !IsOneOf(word(i + 1), {"=", ";", "{", "[", "(", ":", ","})) return "";
  return std::string(word(i));
}

bool SameSkeleton(std::string_view a, std::string_view b) {
  auto x = Skeleton(a), y = Skeleton(b);
  if (!x.ok() || !y.ok()) return false;
  if (*x == *y) return true;
  // The markers are comments, so the blocks have to be compared as well.
  auto names = [](std::string_view source) {
    std::vector<std::string> out;
    if (auto blocks = ParseEvolveBlocks(source); blocks.ok())
      for (const EvolveBlock& block : *blocks) out.push_back(block.name + "@" + SourceTree(source).FunctionAt(block.begin));
    return out;
  };
  return SourceTree(*x).Tokens(0, x->size()) == SourceTree(*y).Tokens(0, y->size()) && names(a) == names(b);
}

}  // namespace ose
