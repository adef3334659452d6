#include "core/lexer.h"

#include <array>
#include <string>

namespace ose {
namespace {

// The locale's functions cost a call per character, and run databases are read back through here.
enum : unsigned char { kSpace = 1, kDigit = 2, kStart = 4 };
constexpr std::array<unsigned char, 256> kClasses = [] {
  std::array<unsigned char, 256> t{};
  for (unsigned char c : {' ', '\t', '\n', '\v', '\f', '\r'}) t[c] = kSpace;
  for (int c = '0'; c <= '9'; ++c) t[static_cast<size_t>(c)] = kDigit;
  for (int c = 'a'; c <= 'z'; ++c) t[static_cast<size_t>(c)] = t[static_cast<size_t>(c - 'a' + 'A')] = kStart;
  t['_'] = kStart;
  for (size_t c = 0x80; c < 0x100; ++c) t[c] = kStart;
  return t;
}();
unsigned char ClassOf(char c) { return kClasses[static_cast<unsigned char>(c)]; }
bool IsIdentStart(char c) { return ClassOf(c) & kStart; }
bool IsIdent(char c) { return ClassOf(c) & (kStart | kDigit); }
bool IsDigit(char c) { return ClassOf(c) & kDigit; }

class Lexer {
 public:
  explicit Lexer(std::string_view s) : s_(s) {}

  std::vector<LexToken> Run() {
    bool first = true;
    out_.reserve(s_.size() / 4 + 16);
    while (pos_ < s_.size()) {
      char c = s_[pos_];
      if (c == '\n') ++line_, first = true;
      if (ClassOf(c) & kSpace) {
        ++pos_;
        continue;
      }
      LexToken t{LexKind::kPunct, pos_, pos_, line_, first, {}};
      t.kind = Scan();
      t.end = pos_;
      t.text = s_.substr(t.begin, t.end - t.begin);
      for (char d : t.text) line_ += d == '\n';
      out_.push_back(t);
      first = false;
    }
    return std::move(out_);
  }

 private:
  char At(size_t i) const { return i < s_.size() ? s_[i] : '\0'; }

  // Moves pos_ past the token that starts there.
  LexKind Scan() {
    char c = s_[pos_];
    if (c == '/' && At(pos_ + 1) == '/') return LineComment();
    if (c == '/' && At(pos_ + 1) == '*') {
      size_t end = s_.find("*/", pos_ + 2);
      pos_ = end == s_.npos ? s_.size() : end + 2;
      return LexKind::kComment;
    }
    if (c == '"') return Quoted('"', LexKind::kString);
    if (c == '\'') return Quoted('\'', LexKind::kChar);
    if (IsDigit(c) || (c == '.' && IsDigit(At(pos_ + 1))))
      return Number();
    if (IsIdentStart(c)) return Identifier();
    ++pos_;
    return LexKind::kPunct;
  }

  LexKind LineComment() {
    while (pos_ < s_.size() && s_[pos_] != '\n') pos_ += s_[pos_] == '\\' && At(pos_ + 1) == '\n' ? 2 : 1;
    return LexKind::kComment;
  }

  LexKind Quoted(char quote, LexKind kind) {
    for (++pos_; pos_ < s_.size() && s_[pos_] != '\n'; ++pos_) {
      if (s_[pos_] == quote) {
        ++pos_;
        break;
      }
      if (s_[pos_] == '\\' && pos_ + 1 < s_.size()) ++pos_;
    }
    if (pos_ > s_.size()) pos_ = s_.size();
    return kind;
  }

  // A preprocessing number: 0x1F, 20'000'000, 1.5e-3.
  LexKind Number() {
    while (pos_ < s_.size()) {
      char c = s_[pos_], next = At(pos_ + 1);
      if ((c == 'e' || c == 'E' || c == 'p' || c == 'P') && (next == '+' || next == '-')) {
        // 0xE+1 lexes so in C++, too.
        pos_ += 2;
      } else if (IsIdent(c) || c == '.') {
        ++pos_;
      } else if (c == '\'' && IsIdent(next)) {
        pos_ += 2;
      } else {
        break;
      }
    }
    return LexKind::kNumber;
  }

  LexKind Identifier() {
    size_t begin = pos_;
    while (pos_ < s_.size() && IsIdent(s_[pos_])) ++pos_;
    std::string_view word = s_.substr(begin, pos_ - begin);
    if (At(pos_) == '"') {
      if (word == "R" || word == "u8R" || word == "uR" || word == "UR" || word == "LR") return RawString();
      if (word == "u8" || word == "u" || word == "U" || word == "L") return Quoted('"', LexKind::kString);
    }
    if (At(pos_) == '\'' && (word == "u8" || word == "u" || word == "U" || word == "L"))
      return Quoted('\'', LexKind::kChar);
    return LexKind::kIdentifier;
  }

  LexKind RawString() {  // at the opening quote
    size_t open = s_.find('(', pos_);
    if (open == s_.npos) {
      pos_ = s_.size();
      return LexKind::kString;
    }
    std::string close = ")" + std::string(s_.substr(pos_ + 1, open - pos_ - 1)) + "\"";
    size_t end = s_.find(close, open);
    pos_ = end == s_.npos ? s_.size() : end + close.size();
    return LexKind::kString;
  }

  std::string_view s_;
  size_t pos_ = 0;
  int line_ = 1;
  std::vector<LexToken> out_;
};

}  // namespace

std::vector<LexToken> Lex(std::string_view source) { return Lexer(source).Run(); }

}  // namespace ose
