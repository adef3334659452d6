#include "ast/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/temp_lock.h"
#include "core/exit_code.h"

namespace ose::ast {
namespace {

// The source's name to clang. Never opened: the content is always given.
constexpr char kMainFile[] = "policy.cc";

std::string Take(CXString s) {
  const char* text = clang_getCString(s);
  std::string out = text ? text : "";
  clang_disposeString(s);
  return out;
}

std::vector<const char*> Pointers(const std::vector<std::string>& args) {
  std::vector<const char*> out;
  for (const std::string& a : args) out.push_back(a.c_str());
  return out;
}

CXTranslationUnit ParseText(CXIndex index, const char* name, const std::string& text,
                            const std::vector<std::string>& args, unsigned options) {
  CXUnsavedFile file{name, text.data(), static_cast<unsigned long>(text.size())};
  std::vector<const char*> argv = Pointers(args);
  return clang_parseTranslationUnit(index, name, argv.data(), static_cast<int>(argv.size()), &file, 1,
                                    options);
}

std::string FirstError(CXTranslationUnit tu) {
  for (unsigned i = 0; i < clang_getNumDiagnostics(tu); ++i) {
    CXDiagnostic d = clang_getDiagnostic(tu, i);
    bool bad = clang_getDiagnosticSeverity(d) >= CXDiagnostic_Error;
    std::string text = bad ? Take(clang_formatDiagnostic(d, CXDiagnostic_DisplaySourceLocation)) : "";
    clang_disposeDiagnostic(d);
    if (bad) return text;
  }
  return "";
}

}  // namespace

Unit::Unit(CXTranslationUnit tu, std::string source) : tu_(tu), source_(std::move(source)) {
  file_ = clang_getFile(tu_, kMainFile);
  line_starts_.push_back(0);
  for (size_t i = 0; i < source_.size(); ++i)
    if (source_[i] == '\n') line_starts_.push_back(i + 1);
  for (unsigned i = 0; i < clang_getNumDiagnostics(tu_); ++i) {
    CXDiagnostic d = clang_getDiagnostic(tu_, i);
    if (clang_getDiagnosticSeverity(d) >= CXDiagnostic_Error) {
      CXFile file;
      unsigned line = 0, column = 0;
      clang_getExpansionLocation(clang_getDiagnosticLocation(d), &file, &line, &column, nullptr);
      bool here = file && clang_File_isEqual(file, file_);
      errors_.push_back({Take(clang_getDiagnosticSpelling(d)), here ? static_cast<int>(line) : 0,
                         here ? static_cast<int>(column) : 0});
    }
    clang_disposeDiagnostic(d);
  }
}

Unit::~Unit() { clang_disposeTranslationUnit(tu_); }

std::optional<Range> Unit::RangeOf(CXCursor c) const {
  CXSourceRange extent = clang_getCursorExtent(c);
  if (clang_Range_isNull(extent)) return std::nullopt;
  CXFile begin_file, end_file;
  unsigned begin, end;
  clang_getExpansionLocation(clang_getRangeStart(extent), &begin_file, nullptr, nullptr, &begin);
  clang_getExpansionLocation(clang_getRangeEnd(extent), &end_file, nullptr, nullptr, &end);
  if (!begin_file || !end_file || !clang_File_isEqual(begin_file, file_) ||
      !clang_File_isEqual(end_file, file_) || end < begin || end > source_.size())
    return std::nullopt;
  return Range{begin, end};
}

Place Unit::PlaceOf(size_t offset) const {
  auto line = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset) - 1;
  return {static_cast<int>(line - line_starts_.begin()) + 1, static_cast<int>(offset - *line) + 1};
}

std::vector<Token> Unit::Tokens(Range r) const {
  CXSourceLocation begin = clang_getLocationForOffset(tu_, file_, static_cast<unsigned>(r.begin));
  CXSourceLocation end = clang_getLocationForOffset(tu_, file_, static_cast<unsigned>(r.end));
  CXToken* raw = nullptr;
  unsigned n = 0;
  clang_tokenize(tu_, clang_getRange(begin, end), &raw, &n);
  std::vector<Token> out;
  for (unsigned i = 0; i < n; ++i) {
    CXSourceRange extent = clang_getTokenExtent(tu_, raw[i]);
    unsigned b, e;
    clang_getSpellingLocation(clang_getRangeStart(extent), nullptr, nullptr, nullptr, &b);
    clang_getSpellingLocation(clang_getRangeEnd(extent), nullptr, nullptr, nullptr, &e);
    // clang_tokenize includes the token that begins at the end of the range.
    if (b < r.begin || e > r.end) continue;
    out.push_back({clang_getTokenKind(raw[i]), {b, e}, Text({b, e})});
  }
  clang_disposeTokens(tu_, raw, n);
  return out;
}

Parser::Parser(TempDir dir, std::string include_dir)
    : dir_(std::move(dir)), include_dir_(std::move(include_dir)) {}

Parser::~Parser() {
  if (index_) clang_disposeIndex(index_);
}

Result<std::unique_ptr<Parser>> Parser::Create(std::string include_dir) {
  OSE_ASSIGN(TempDir dir, TempDir::Make("osevolve-ast-"));
  std::unique_ptr<Parser> p(new Parser(std::move(dir), std::move(include_dir)));
  p->held_ = HoldTempDir(p->dir_, "osevolve-ast-");
  CXIndexOptions options;
  std::memset(&options, 0, sizeof options);
  options.Size = sizeof options;
  p->index_ = clang_createIndexWithOptions(&options);
  if (!p->index_)
    return Error{kExitInternal,
                 "libclang does not start; is libclang1-19 of the same version as its headers?"};

  // The flags that change meaning are those of the compile step (src/eval); the limits keep
  // compile-time evaluation and nesting within reason, and so must not be weaker there.
  std::vector<std::string> flags = {
      "-std=c++20",          "-I" + p->include_dir_,  "-ffreestanding",
      "-nostdinc++",         "-fno-exceptions",       "-fno-rtti",
      "-ftemplate-depth=64", "-fconstexpr-depth=128", "-fconstexpr-steps=262144",
      "-fbracket-depth=128", "-ferror-limit=20"};
  // Undefined behaviour that clang can see is an error: the simulator and the kernel would
  // disagree about such a policy.
  flags.push_back("-Wno-everything");
  for (const char* warning :
       {"return-type", "return-stack-address", "uninitialized", "sometimes-uninitialized",
        "infinite-recursion", "division-by-zero", "shift-count-overflow", "shift-count-negative",
        "integer-overflow", "array-bounds", "unsequenced"})
    flags.push_back(std::string("-Werror=") + warning);
  std::vector<std::string> header_args = flags;
  header_args.insert(header_args.begin(), {"-x", "c++-header"});
  const std::string pch = JoinPath(p->dir_.path(), "policy.pch");
  const std::string header = "#include <osevolve/policy.h>\n";
  CXTranslationUnit tu =
      ParseText(p->index_, "prefix.h", header, header_args, CXTranslationUnit_ForSerialization);
  if (!tu) return Error{kExitInternal, "libclang cannot parse <osevolve/policy.h> in " + p->include_dir_};
  std::string error = FirstError(tu);
  bool saved = error.empty() &&
               clang_saveTranslationUnit(tu, pch.c_str(), clang_defaultSaveOptions(tu)) == CXSaveError_None;
  clang_disposeTranslationUnit(tu);
  if (!error.empty())
    return Error{kExitInternal,
                 fmt::format("<osevolve/policy.h> in {} does not parse: {}", p->include_dir_, error)};
  if (!saved) return Error{kExitIo, "cannot write " + pch + "; is the disk full?"};

  p->args_ = flags;
  p->args_.insert(p->args_.begin(), {"-x", "c++"});
  p->args_.insert(p->args_.end(), {"-include-pch", pch});
  // The standard library needs what freestanding leaves out, and deeper templates.
  p->hosted_args_ = {"-x",
                     "c++",
                     "-std=c++20",
                     "-I" + p->include_dir_,
                     "-fno-exceptions",
                     "-fno-rtti",
                     "-ferror-limit=20",
                     "-Wno-everything"};
  return p;
}

Result<std::unique_ptr<Unit>> Parser::Parse(std::string source, bool hosted) const {
  CXTranslationUnit tu =
      ParseText(index_, kMainFile, source, hosted ? hosted_args_ : args_, CXTranslationUnit_None);
  if (!tu) return Error{kExitInternal, "libclang gives up on this source"};
  return std::unique_ptr<Unit>(new Unit(tu, std::move(source)));
}

std::vector<CXCursor> Children(CXCursor c) {
  std::vector<CXCursor> out;
  clang_visitChildren(
      c,
      [](CXCursor child, CXCursor, CXClientData data) {
        static_cast<std::vector<CXCursor>*>(data)->push_back(child);
        return CXChildVisit_Continue;
      },
      &out);
  return out;
}

std::string Spelling(CXCursor c) { return Take(clang_getCursorSpelling(c)); }
std::string TypeSpelling(CXType t) { return Take(clang_getTypeSpelling(t)); }

CXCursor Unwrap(CXCursor c) {
  while (true) {
    CXCursorKind kind = clang_getCursorKind(c);
    if (kind != CXCursor_UnexposedExpr && kind != CXCursor_ParenExpr) return c;
    std::vector<CXCursor> children = Children(c);
    if (children.size() != 1) return c;
    c = children[0];
  }
}

}  // namespace ose::ast
