// Reading TOML files of a fixed shape: typed getters with ranges, unknown keys with a suggestion,
// and errors of the form "file:line: what; fix". A thin layer over toml++, which only
// toml_reader.cc includes, because it is slow to compile.
//
// Errors are collected, not returned, so that a reader is a plain list of getters: the first
// error is kept, every getter that fails leaves its output at the default, and reading goes on.
// Check TomlDoc::status() before the result is used.
//
// A TomlDoc owns the parsed file; TomlTable and TomlValue are views into it that must not outlive
// it. Not thread-safe.
#ifndef OSEVOLVE_WORKLOAD_TOML_READER_H_
#define OSEVOLVE_WORKLOAD_TOML_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace ose {

// No duration in a file is longer, 31.7 years: sums of a few stay far below 2^63 ns.
inline constexpr int64_t kMaxFileNs = 1'000'000'000'000'000'000;

// Stands for "above 0" as the lower end of a range.
inline constexpr double kTomlTiny = 1e-12;

class TomlTable;
class TomlValue;

class TomlDoc {
 public:
  // `file` names the text in errors, `code` is the code of those errors, `docs` is the page that
  // an error sends its reader to when there is no better advice.
  static Result<TomlDoc> Parse(std::string_view text, const std::string& file, int code,
                               const std::string& docs);
  TomlDoc(TomlDoc&&) noexcept;
  ~TomlDoc();

  // For the text of a stranger, who must not have files of this machine read: MayNameFiles() is false from now on.
  void RefuseFiles();

  TomlTable root();
  Status status() const;

  // Records an error at a line; `what` includes the fix. Only the first one is kept.
  void Fail(int line, const std::string& what);

 private:
  friend class TomlTable;
  friend class TomlValue;
  struct State;
  explicit TomlDoc(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// A number, string, array or table whose type the caller finds out.
class TomlValue {
 public:
  int line() const;
  // Line of a string's first character: a multi-line string may begin below its key.
  int TextLine() const;
  bool IsTable() const;
  bool IsArray() const;
  bool IsNumber() const;
  // What it is, for errors: "the string \"x\"", "an array".
  std::string Describe() const;

  // False, and an error that names `what`, when it is not that or out of range.
  bool Number(const std::string& what, double* out, double min, double max) const;
  // A duration in units of `unit_ns`, exact for integers and rounded to a nanosecond otherwise.
  bool Duration(const std::string& what, int64_t unit_ns, int64_t* out, bool signed_too = false) const;

  // Empty, without an error, when it is not an array / a table.
  std::vector<TomlValue> Items() const;
  std::optional<TomlTable> Table(const std::string& title) const;

  bool MayNameFiles() const;
  // The path of a file that the document names: as it is if absolute, else beside the document.
  std::string BesideFile(const std::string& name) const;

  void Fail(const std::string& what) const;

 private:
  friend class TomlTable;
  TomlValue(TomlDoc::State* doc, const void* node) : doc_(doc), node_(node) {}
  TomlDoc::State* doc_;
  const void* node_;
};

// A table. Every key that a getter asks for is known; Finish() makes the others errors. A getter
// returns whether the key was there and good; when it is absent, the output stays as it was.
class TomlTable {
 public:
  bool Has(std::string_view key);
  template <class I>
  bool Int(std::string_view key, I* out, int64_t min, int64_t max) {
    int64_t v;
    if (!Int64(key, &v, min, max)) return false;
    *out = static_cast<I>(v);
    return true;
  }
  bool Double(std::string_view key, double* out, double min, double max);
  bool Bool(std::string_view key, bool* out);
  bool String(std::string_view key, std::string* out);
  // One of `names`; *out becomes its index.
  bool Choice(std::string_view key, const std::vector<std::string>& names, int* out);
  bool Ints(std::string_view key, std::vector<int>* out, int64_t min, int64_t max);
  bool Strings(std::string_view key, std::vector<std::string>* out);
  // A duration under `stem`_ns, _us, _ms or _s; at most one of them may be there.
  bool Duration(std::string_view stem, Nanos* out, Nanos min = {0}, Nanos max = {kMaxFileNs});
  std::optional<TomlValue> DurationValue(std::string_view stem, int64_t* unit_ns);

  std::optional<TomlValue> Value(std::string_view key);
  std::optional<TomlTable> Table(std::string_view key);
  std::vector<TomlTable> Tables(std::string_view key);  // [[key]]

  // An error when the key is absent; Finish() reports an unknown key in its place, since a
  // missing key is most often a misspelt one.
  void Require(std::string_view key);
  void Finish();

  int line() const { return line_; }
  // Line of a key or of the duration with that stem, or of the table when it is absent.
  int LineOf(std::string_view key) const;
  void Fail(std::string_view key, const std::string& what);

 private:
  friend class TomlDoc;
  friend class TomlValue;
  TomlTable(TomlDoc::State* doc, const void* table, std::string title, int line)
      : doc_(doc), table_(table), title_(std::move(title)), line_(line) {}
  bool Int64(std::string_view key, int64_t* out, int64_t min, int64_t max);

  TomlDoc::State* doc_;
  const void* table_;
  std::string title_;  // "[[group]]", "" for the root
  int line_;
  std::vector<std::string> known_;
};

// Writing. A TOML basic string, quoted and escaped.
std::string TomlString(std::string_view s);
// The shortest number that reads back as the same double.
std::string TomlNumber(double v);

// The largest of the units s, ms, us, ns in which every value is a whole number.
struct TomlUnit {
  const char* suffix;  // "_ms"
  int64_t ns;
};
TomlUnit BestUnit(const std::vector<double>& values_ns);
// "horizon_ms = 250"
std::string TomlDuration(std::string_view stem, int64_t ns);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_TOML_READER_H_
