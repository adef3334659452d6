// The statements of a policy source as a tree, from its tokens alone: good enough to take one out,
// to compare two texts statement by statement, and to tell what a statement declares and uses.
// Sources that do not compile are fine; brackets must balance within the range that is read.
//
// Offsets are bytes of the source. A SourceTree and what points into it live as long as its text.
#ifndef OSEVOLVE_CORE_STATEMENTS_H_
#define OSEVOLVE_CORE_STATEMENTS_H_

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/lexer.h"

namespace ose {

struct CodeStatement;

// One braced body with what stands before it: `if (a) {` ... `}`, ` else {` ... `}`.
struct CodeArm {
  size_t head_begin = 0, head_end = 0;  // head_end is behind the brace
  size_t close = 0;                     // of the closing brace
  size_t body_begin = 0, body_end = 0;  // whole lines where the braces end and begin lines
  std::vector<CodeStatement> body;
  std::string head;                     // its tokens
};

// A statement, declaration or member. [begin, end) has the comments before it and the end of its line.
struct CodeStatement {
  size_t begin = 0, end = 0;
  size_t code_begin = 0, code_end = 0;  // without those
  std::string tokens;                   // without comments, separated by spaces: equal when the code is
  std::string tail;                     // the tokens behind the last body
  std::vector<CodeArm> arms;       // none: a simple statement
  std::string declares;                 // the name that it introduces, or ""
};

struct FunctionRange {
  std::string name;
  size_t begin = 0, end = 0;  // of its body
};

class SourceTree {
 public:
  explicit SourceTree(std::string_view text);

  std::string_view text() const { return text_; }
  // The statements within [begin, end).
  std::vector<CodeStatement> Statements(size_t begin, size_t end) const;
  // The tokens within [begin, end), separated by spaces, without comments and directives.
  std::string Tokens(size_t begin, size_t end) const;
  std::vector<LexToken> TokensIn(size_t begin, size_t end) const;
  // Identifiers within [begin, end).
  std::set<std::string> Names(size_t begin, size_t end) const;
  // The function whose body holds `offset`, or "".
  std::string FunctionAt(size_t offset) const;
  int LineAt(size_t offset) const;  // from 1

 private:
  size_t First(size_t offset) const;  // index of the first token at or behind it
  std::vector<CodeStatement> List(size_t* i, size_t begin, size_t end) const;
  CodeStatement One(size_t* i, size_t end) const;
  std::string Declared(size_t first, size_t last) const;
  size_t LineEnd(size_t offset, size_t end) const;

  std::string_view text_;
  std::vector<LexToken> code_;  // without comments
  std::vector<size_t> match_;   // of a bracket the index of its partner, else the own one
  std::vector<FunctionRange> functions_;
};

// The same name and code around the evolve blocks, comments apart: the one can have evolved from the other.
bool SameSkeleton(std::string_view a, std::string_view b);

}  // namespace ose

#endif  // OSEVOLVE_CORE_STATEMENTS_H_
