#include "workload/toml_reader.h"

#include "base/toml.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/edit_distance.h"
#include "base/file.h"

namespace ose {

struct TomlDoc::State {
  std::string file, docs;
  int code = 1;
  toml::table table;
  std::optional<Error> error;
  bool error_is_missing_key = false;
  bool alone = false;

  void Fail(int line, const std::string& what, bool missing_key = false) {
    // An unknown key explains a missing one, so it takes its place.
    if (error && !(error_is_missing_key && !missing_key)) return;
    error = Error{code, fmt::format("{}:{}: {}", file, line, what)};
    error_is_missing_key = missing_key;
  }
};

namespace {

constexpr std::array<TomlUnit, 4> kUnits = {
    {{"_s", 1'000'000'000}, {"_ms", 1'000'000}, {"_us", 1'000}, {"_ns", 1}}};

const toml::node& Node(const void* node) { return *static_cast<const toml::node*>(node); }
const toml::table& AsTable(const void* table) { return *static_cast<const toml::table*>(table); }
int LineOfNode(const toml::node& node) { return static_cast<int>(node.source().begin.line); }

std::string Clip(std::string_view s) {
  constexpr size_t kMax = 40;
  return s.size() <= kMax ? std::string(s) : std::string(s.substr(0, kMax)) + "...";
}

std::string DescribeNode(const toml::node& node) {
  if (auto s = node.as_string()) return fmt::format("the string {}", TomlString(Clip(s->get())));
  if (auto i = node.as_integer()) return std::to_string(i->get());
  if (auto d = node.as_floating_point()) return fmt::format("{}", d->get());
  if (auto b = node.as_boolean()) return b->get() ? "true" : "false";
  if (node.is_array()) return "an array";
  if (node.is_table()) return "a table";
  return "a date or time";
}

std::string In(const std::string& title) { return title.empty() ? "" : " in " + title; }

}  // namespace

// TomlDoc

TomlDoc::TomlDoc(std::unique_ptr<State> state) : state_(std::move(state)) {}
TomlDoc::TomlDoc(TomlDoc&&) noexcept = default;
TomlDoc::~TomlDoc() = default;

Result<TomlDoc> TomlDoc::Parse(std::string_view text, const std::string& file, int code,
                               const std::string& docs) {
  toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& e = parsed.error();
    return Error{code, fmt::format("{}:{}: not valid TOML: {}; see https://toml.io/en/v1.0.0 and {}", file,
                                   e.source().begin.line, e.description(), docs)};
  }
  auto state = std::make_unique<State>();
  state->file = file;
  state->docs = docs;
  state->code = code;
  state->table = std::move(parsed).table();
  return TomlDoc(std::move(state));
}

void TomlDoc::RefuseFiles() { state_->alone = true; }
TomlTable TomlDoc::root() { return TomlTable(state_.get(), &state_->table, "", 1); }
Status TomlDoc::status() const { return state_->error ? Status(*state_->error) : Status(); }
void TomlDoc::Fail(int line, const std::string& what) { state_->Fail(line, what); }

// TomlValue

int TomlValue::line() const { return LineOfNode(Node(node_)); }
int TomlValue::TextLine() const {
  auto s = Node(node_).as_string();
  if (!s) return line();
  const toml::source_region& region = s->source();
  auto newlines = std::count(s->get().begin(), s->get().end(), '\n');
  // TOML drops a newline right after the opening quotes.
  return line() + (static_cast<int64_t>(region.end.line) - region.begin.line == newlines + 1);
}
bool TomlValue::IsTable() const { return Node(node_).is_table(); }
bool TomlValue::IsArray() const { return Node(node_).is_array(); }
bool TomlValue::IsNumber() const { return Node(node_).is_number(); }
std::string TomlValue::Describe() const { return DescribeNode(Node(node_)); }
bool TomlValue::MayNameFiles() const { return !doc_->alone; }
std::string TomlValue::BesideFile(const std::string& name) const { return JoinPath(Dirname(doc_->file), name); }

void TomlValue::Fail(const std::string& what) const { doc_->Fail(line(), what); }

bool TomlValue::Number(const std::string& what, double* out, double min, double max) const {
  if (!IsNumber()) {
    Fail(fmt::format("{} is {}; give a number", what, Describe()));
    return false;
  }
  auto i = Node(node_).as_integer();
  double v = i ? static_cast<double>(i->get()) : Node(node_).as_floating_point()->get();
  if (!(v >= min && v <= max)) {  // also NaN
    Fail(fmt::format("{} is {}; give {} to {}", what, Describe(), min, max));
    return false;
  }
  *out = v;
  return true;
}

bool TomlValue::Duration(const std::string& what, int64_t unit_ns, int64_t* out, bool signed_too) const {
  double v;
  const int64_t units = kMaxFileNs / unit_ns;
  const double most = static_cast<double>(units);
  if (!Number(what, &v, signed_too ? -most : 0, most)) return false;
  // 10^18 + 1 rounds to the limit as a double, hence min.
  if (auto i = Node(node_).as_integer())
    *out = std::min(i->get(), kMaxFileNs / unit_ns) * unit_ns;
  else
    *out = std::min<int64_t>(std::llround(v * static_cast<double>(unit_ns)), kMaxFileNs);
  return true;
}

std::vector<TomlValue> TomlValue::Items() const {
  std::vector<TomlValue> items;
  if (auto array = Node(node_).as_array())
    for (const toml::node& item : *array) items.push_back(TomlValue(doc_, &item));
  return items;
}

std::optional<TomlTable> TomlValue::Table(const std::string& title) const {
  auto table = Node(node_).as_table();
  if (!table) return std::nullopt;
  return TomlTable(doc_, table, title, line());
}

// TomlTable

bool TomlTable::Has(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  return AsTable(table_).contains(key);
}

int TomlTable::LineOf(std::string_view key) const {
  const auto& table = AsTable(table_);
  auto it = table.find(key);
  for (const TomlUnit& unit : kUnits)
    if (it == table.end()) it = table.find(std::string(key) + unit.suffix);
  return it == table.end() ? line_ : static_cast<int>(it->first.source().begin.line);
}

void TomlTable::Fail(std::string_view key, const std::string& what) { doc_->Fail(LineOf(key), what); }

std::optional<TomlValue> TomlTable::Value(std::string_view key) {
  if (!Has(key)) return std::nullopt;
  return TomlValue(doc_, AsTable(table_).get(key));
}

bool TomlTable::Int64(std::string_view key, int64_t* out, int64_t min, int64_t max) {
  auto v = Value(key);
  if (!v) return false;
  auto i = Node(v->node_).as_integer();
  if (!i) {
    Fail(key, fmt::format("'{}' is {}; give a whole number", key, v->Describe()));
    return false;
  }
  if (i->get() < min || i->get() > max) {
    Fail(key, fmt::format("'{}' is {}; give {} to {}", key, i->get(), min, max));
    return false;
  }
  *out = i->get();
  return true;
}

bool TomlTable::Double(std::string_view key, double* out, double min, double max) {
  auto v = Value(key);
  return v && v->Number(fmt::format("'{}'", key), out, min, max);
}

bool TomlTable::Bool(std::string_view key, bool* out) {
  auto v = Value(key);
  if (!v) return false;
  auto b = Node(v->node_).as_boolean();
  if (b)
    *out = b->get();
  else
    Fail(key, fmt::format("'{}' is {}; give true or false", key, v->Describe()));
  return b;
}

bool TomlTable::String(std::string_view key, std::string* out) {
  auto v = Value(key);
  if (!v) return false;
  auto s = Node(v->node_).as_string();
  if (s)
    *out = s->get();
  else
    Fail(key, fmt::format("'{}' is {}; give a string in quotes", key, v->Describe()));
  return s;
}

bool TomlTable::Choice(std::string_view key, const std::vector<std::string>& names, int* out) {
  std::string s;
  if (!String(key, &s)) return false;
  auto it = std::find(names.begin(), names.end(), s);
  if (it != names.end()) {
    *out = static_cast<int>(it - names.begin());
    return true;
  }
  std::string suggestion = DidYouMean(s, names);
  Fail(key, fmt::format(
                "'{}' is {}{}", key, TomlString(Clip(s)),
                suggestion.empty() ? fmt::format("; give one of {}", fmt::join(names, ", ")) : suggestion));
  return false;
}

bool TomlTable::Ints(std::string_view key, std::vector<int>* out, int64_t min, int64_t max) {
  auto v = Value(key);
  if (!v) return false;
  if (!v->IsArray()) {
    Fail(key, fmt::format("'{}' is {}; give an array of whole numbers", key, v->Describe()));
    return false;
  }
  std::vector<int> ints;
  for (const TomlValue& item : v->Items()) {
    auto i = Node(item.node_).as_integer();
    if (!i || i->get() < min || i->get() > max) {
      item.Fail(
          fmt::format("'{}' contains {}; give whole numbers from {} to {}", key, item.Describe(), min, max));
      return false;
    }
    ints.push_back(static_cast<int>(i->get()));
  }
  *out = std::move(ints);
  return true;
}

bool TomlTable::Strings(std::string_view key, std::vector<std::string>* out) {
  auto v = Value(key);
  if (!v) return false;
  std::vector<std::string> strings;
  for (const TomlValue& item : v->Items())
    if (auto s = Node(item.node_).as_string()) strings.push_back(s->get());
  if (!v->IsArray() || strings.size() != v->Items().size()) {
    Fail(key, fmt::format("'{}' is not an array of strings; write {} = [\"a\", \"b\"]", key, key));
    return false;
  }
  *out = std::move(strings);
  return true;
}

std::optional<TomlValue> TomlTable::DurationValue(std::string_view stem, int64_t* unit_ns) {
  std::optional<TomlValue> found;
  std::string found_key;
  for (const TomlUnit& unit : kUnits) {
    std::string key = std::string(stem) + unit.suffix;
    auto v = Value(key);
    if (!v) continue;
    if (found) {
      Fail(key, fmt::format("both '{}' and '{}' are given; keep one of them", found_key, key));
      return found;
    }
    found = v;
    found_key = key;
    *unit_ns = unit.ns;
  }
  return found;
}

bool TomlTable::Duration(std::string_view stem, Nanos* out, Nanos min, Nanos max) {
  int64_t unit = 1, ns = 0;
  auto v = DurationValue(stem, &unit);
  if (!v || !v->Duration(fmt::format("'{}'", stem), unit, &ns, min.v < 0)) return false;
  if (ns < min.v || ns > max.v) {
    v->Fail(fmt::format("'{}' is {} ns; give {} to {} ns", stem, ns, min.v, max.v));
    return false;
  }
  *out = Nanos{ns};
  return true;
}

std::optional<TomlTable> TomlTable::Table(std::string_view key) {
  auto v = Value(key);
  if (!v) return std::nullopt;
  auto table = v->Table(fmt::format("[{}]", key));
  if (!table) Fail(key, fmt::format("'{}' is {}; write it as a table: [{}]", key, v->Describe(), key));
  return table;
}

std::vector<TomlTable> TomlTable::Tables(std::string_view key) {
  std::vector<TomlTable> tables;
  auto v = Value(key);
  if (!v) return tables;
  for (const TomlValue& item : v->Items())
    if (auto table = item.Table(fmt::format("[[{}]]", key))) tables.push_back(std::move(*table));
  if (!v->IsArray() || tables.size() != v->Items().size())
    Fail(key, fmt::format("'{}' is {}; write each as a table of its own: [[{}]]", key, v->Describe(), key));
  return tables;
}

void TomlTable::Require(std::string_view key) {
  if (Has(key)) return;
  doc_->Fail(line_, fmt::format("key '{}' is missing{}; add it, see {}", key, In(title_), doc_->docs), true);
}

void TomlTable::Finish() {
  // toml++ keeps keys sorted; report the one that comes first in the file.
  const toml::key* first = nullptr;
  for (auto&& [key, node] : AsTable(table_)) {
    if (std::find(known_.begin(), known_.end(), key.str()) != known_.end()) continue;
    if (!first || key.source().begin < first->source().begin) first = &key;
  }
  if (!first) return;
  std::string key(first->str());
  std::string advice = DidYouMean(key, known_);
  if (std::find(known_.begin(), known_.end(), key + "_us") != known_.end())
    advice = fmt::format("; it needs a unit: {0}_ns, {0}_us, {0}_ms or {0}_s", key);
  if (advice.empty()) advice = "; remove it or see " + doc_->docs;
  doc_->Fail(static_cast<int>(first->source().begin.line),
             fmt::format("unknown key '{}'{}{}", Clip(key), In(title_), advice));
}

// Writing

std::string TomlString(std::string_view s) {
  std::string out = "\"";
  for (char c : s) {
    unsigned char u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out += '\\', out += c;
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (u < 0x20 || u == 0x7f)
      out += fmt::format("\\u{:04X}", u);
    else
      out += c;
  }
  return out + '"';
}

std::string TomlNumber(double v) {
  char buffer[40];
  auto end = std::to_chars(buffer, buffer + sizeof(buffer), v).ptr;
  return std::string(buffer, end);
}

TomlUnit BestUnit(const std::vector<double>& values_ns) {
  for (const TomlUnit& unit : kUnits) {
    double scale = static_cast<double>(unit.ns);
    if (std::all_of(values_ns.begin(), values_ns.end(), [&](double v) {
          double q = v / scale;
          return std::floor(q) == q && q * scale == v;
        }))
      return unit;
  }
  return kUnits.back();
}

std::string TomlDuration(std::string_view stem, int64_t ns) {
  TomlUnit unit = kUnits.back();
  if (ns != 0)
    for (const TomlUnit& u : kUnits)
      if (ns % u.ns == 0) {
        unit = u;
        break;
      }
  return fmt::format("{}{} = {}", stem, unit.suffix, ns / unit.ns);
}

}  // namespace ose
