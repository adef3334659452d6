// A lexer for C++ text that may be broken: good enough to tell code from comments and literals,
// with no idea of a preprocessor. Comments and directives come out as tokens. Line splices are
// honoured in // comments only; the gate refuses them anyway.
#ifndef OSEVOLVE_CORE_LEXER_H_
#define OSEVOLVE_CORE_LEXER_H_

#include <cstddef>
#include <string_view>
#include <vector>

namespace ose {

enum class LexKind { kIdentifier, kNumber, kString, kChar, kComment, kPunct };

struct LexToken {
  LexKind kind;
  size_t begin = 0, end = 0;   // byte offsets; text() is source[begin, end)
  int line = 0;                // of its first byte, from 1
  bool first_on_line = false;  // only white space before it
  std::string_view text;
};

// All tokens of the source. Punctuation comes one character at a time. An unterminated comment
// runs to the end of the source, an unterminated string to the end of its line.
std::vector<LexToken> Lex(std::string_view source);

}  // namespace ose

#endif  // OSEVOLVE_CORE_LEXER_H_
