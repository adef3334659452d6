// A thin layer over libclang (clang-c/Index.h, LLVM 19): a policy source in memory becomes a
// tree of cursors with byte ranges.
//
// RULES OF THE MODULE
//   Lifetime   a Cursor or a range is valid while its Unit lives; a Unit while its Parser lives.
//   Threads    one Parser and its Units belong to one thread at a time. A Parser survives fork().
//   Offsets    are bytes in the main source; a cursor from a macro expansion is located where the
//              macro was written.
#ifndef OSEVOLVE_AST_PARSER_H_
#define OSEVOLVE_AST_PARSER_H_

#include <clang-c/Index.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/file.h"
#include "base/result.h"

namespace ose::ast {

// Half-open byte range [begin, end) in the main source.
struct Range {
  size_t begin = 0, end = 0;
  size_t size() const { return end - begin; }
  bool Contains(Range r) const { return begin <= r.begin && r.end <= end; }
  friend bool operator==(Range, Range) = default;
};

struct Diagnostic {
  std::string message;
  int line = 0, column = 0;  // 0 outside the main source
};

struct Token {
  CXTokenKind kind;
  Range range;
  std::string_view text;  // points into the source
};

// Line and column (from 1) of an offset.
struct Place {
  int line = 0, column = 0;
};

class Unit {
 public:
  ~Unit();
  Unit(const Unit&) = delete;
  Unit& operator=(const Unit&) = delete;

  const std::string& source() const { return source_; }
  CXCursor root() const { return clang_getTranslationUnitCursor(tu_); }
  // Errors and fatal errors only.
  const std::vector<Diagnostic>& errors() const { return errors_; }

  // Where a cursor is written in the main source; nothing for one of a header. The range of a
  // statement does not include its semicolon.
  std::optional<Range> RangeOf(CXCursor c) const;
  std::string_view Text(Range r) const { return std::string_view(source_).substr(r.begin, r.size()); }
  Place PlaceOf(size_t offset) const;

  // Tokens of a part of the main source, before preprocessing, comments included.
  std::vector<Token> Tokens(Range r) const;

 private:
  friend class Parser;
  Unit(CXTranslationUnit tu, std::string source);

  CXTranslationUnit tu_;
  std::string source_;
  CXFile file_;
  std::vector<Diagnostic> errors_;
  std::vector<size_t> line_starts_;
};

class Parser {
 public:
  // Precompiles osevolve/policy.h of `include_dir` into a private temporary folder, so that a
  // parse costs a few ms. Fails when that header cannot be parsed.
  static Result<std::unique_ptr<Parser>> Create(std::string include_dir);
  ~Parser();

  // Parses with the flags that policies are compiled with. Syntax errors are in Unit::errors();
  // this fails only when clang gives no tree at all. `hosted`: with the standard library.
  Result<std::unique_ptr<Unit>> Parse(std::string source, bool hosted = false) const;

  // Folder with the precompiled header, which a sandboxed child must be able to read.
  const std::string& temp_dir() const { return dir_.path(); }
  const std::string& include_dir() const { return include_dir_; }

 private:
  Parser(TempDir dir, std::string include_dir);

  TempDir dir_;
  Fd held_;  // base/temp_lock.h
  std::string include_dir_;
  CXIndex index_ = nullptr;
  std::vector<std::string> args_, hosted_args_;
};

// --- Walking -----------------------------------------------------------------------------

std::vector<CXCursor> Children(CXCursor c);

// Calls visit(cursor, depth) for every descendant in preorder; visit returns false to skip the
// cursor's children.
template <class F>
void Walk(CXCursor c, F&& visit, int depth = 0) {
  for (CXCursor child : Children(c))
    if (visit(child, depth)) Walk(child, visit, depth + 1);
}

std::string Spelling(CXCursor c);
std::string TypeSpelling(CXType t);

// The expression under implicit conversions, parentheses and clang's other wrappers.
CXCursor Unwrap(CXCursor c);

}  // namespace ose::ast

#endif  // OSEVOLVE_AST_PARSER_H_
