#include "workload/json_tree.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "base/utf8.h"
#include "workload/toml_reader.h"

namespace ose {

namespace {

constexpr size_t kMaxDepth = 16;
constexpr size_t kMaxShown = 40;

std::string Shown(const std::string& text) {
  return TomlString(OneLine(text, kMaxShown));
}

// Strict JSON of the same lines, and the line of each key.
struct Tidy {
  std::string text;
  std::vector<int> key_lines;
};

class Tidier {
 public:
  explicit Tidier(std::string_view in) : in_(in) {}

  Tidy Run() {
    while (at_ < in_.size()) Step();
    return std::move(out_);
  }

 private:
  bool InObject() const { return !open_.empty() && open_.back() == '{'; }
  void Keep(char c) {
    line_ += c == '\n';
    out_.text += c;
    ++at_;
  }

  void Step() {
    const char c = in_[at_];
    if (SkipComment()) return;
    if (c == '"') return String();
    if (c == '{' || c == '[') open_ += c, expects_key_ = c == '{';
    if ((c == '}' || c == ']') && !open_.empty()) {
      open_.pop_back();
      expects_key_ = false;
    }
    if (c == ',') {
      expects_key_ = InObject();
      if (const char next = Next(at_ + 1); next == '}' || next == ']') {
        out_.text += ' ';
        ++at_;
        return;
      }
    }
    Keep(c);
  }

  // A comment becomes its line ends.
  bool SkipComment() {
    const std::string_view rest = in_.substr(at_);
    const bool block = rest.starts_with("/*");
    if (!block && !rest.starts_with("//")) return false;
    size_t end = block ? rest.find("*/", 2) : rest.find('\n');
    end = end == rest.npos ? rest.size() : end + (block ? 2 : 0);
    for (char c : rest.substr(0, end))
      if (c == '\n') out_.text += c, ++line_;
    out_.text += ' ';
    at_ += end;
    return true;
  }

  void String() {
    const bool key = expects_key_ && InObject();
    if (key) out_.key_lines.push_back(line_);
    expects_key_ = false;
    Keep('"');
    while (at_ < in_.size() && in_[at_] != '"' && in_[at_] != '\n') {
      if (in_[at_] == '\\' && at_ + 1 < in_.size()) Keep('\\');
      Keep(in_[at_]);
    }
    if (at_ < in_.size() && in_[at_] == '"') Keep('"');
    if (const char next = Next(at_); key && (next == ',' || next == '}')) out_.text += ":null";
  }

  // The next character that is neither space nor comment; '\0' at the end.
  char Next(size_t at) const {
    while (at < in_.size()) {
      const std::string_view rest = in_.substr(at);
      if (rest.starts_with("/*")) {
        const size_t end = rest.find("*/", 2);
        at = end == rest.npos ? in_.size() : at + end + 2;
      } else if (rest.starts_with("//")) {
        const size_t end = rest.find('\n');
        at = end == rest.npos ? in_.size() : at + end;
      } else if (rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\r' || rest[0] == '\n') {
        ++at;
      } else {
        return rest[0];
      }
    }
    return '\0';
  }

  std::string_view in_;
  size_t at_ = 0;
  int line_ = 1;
  std::string open_;  // brackets
  bool expects_key_ = false;
  Tidy out_;
};

// Builds the tree from the parser's events.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Builder(const Tidy& tidy) : tidy_(tidy) {}

  bool null() override { return Add({}); }
  bool boolean(bool v) override { return Add({.kind = JsonNode::Kind::kBool, .integer = v}); }
  bool number_integer(number_integer_t v) override {
    return Add({.kind = JsonNode::Kind::kInteger, .integer = v, .number = static_cast<double>(v)});
  }
  bool number_unsigned(number_unsigned_t v) override {
    if (v > static_cast<uint64_t>(INT64_MAX)) return Add({.kind = JsonNode::Kind::kNumber, .number = static_cast<double>(v)});
    return number_integer(static_cast<int64_t>(v));
  }
  bool number_float(number_float_t v, const string_t&) override { return Add({.kind = JsonNode::Kind::kNumber, .number = v}); }
  bool string(string_t& v) override { return Add({.kind = JsonNode::Kind::kString, .text = std::move(v)}); }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return Open(JsonNode::Kind::kObject); }
  bool start_array(size_t) override { return Open(JsonNode::Kind::kArray); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }
  bool key(string_t& v) override {
    key_ = std::move(v);
    line_ = keys_ < tidy_.key_lines.size() ? tidy_.key_lines[keys_] : line_;
    ++keys_;
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& e) override {
    const auto end = tidy_.text.begin() + static_cast<std::ptrdiff_t>(std::min(position, tidy_.text.size()));
    error_line = 1 + static_cast<int>(std::count(tidy_.text.begin(), end, '\n'));
    if (position > 0 && position <= tidy_.text.size() && tidy_.text[position - 1] == '\n') --error_line;
    // "[json.exception.parse_error.101] parse error at line 3, column 5: syntax error while ..."
    error = e.what();
    if (const size_t colon = error.find(": "); colon != error.npos) error.erase(0, colon + 2);
    return false;
  }

  JsonNode root;
  std::string error;
  int error_line = 1;

 private:
  bool Add(JsonNode node) {
    node.key = std::exchange(key_, {});
    node.line = line_;
    if (open_.empty()) root = std::move(node);
    else open_.back().items.push_back(std::move(node));
    return true;
  }
  bool Open(JsonNode::Kind kind) {
    if (open_.size() == kMaxDepth) {
      error = fmt::format("brackets are nested more than {} deep", kMaxDepth);
      error_line = line_;
      return false;
    }
    open_.push_back({.kind = kind, .line = line_, .key = std::exchange(key_, {})});
    return true;
  }
  bool Close() {
    JsonNode node = std::move(open_.back());
    open_.pop_back();
    line_ = node.line;
    if (open_.empty()) root = std::move(node);
    else open_.back().items.push_back(std::move(node));
    return true;
  }

  const Tidy& tidy_;
  std::vector<JsonNode> open_;
  std::string key_;
  size_t keys_ = 0;
  int line_ = 1;
};

}  // namespace

std::string JsonNode::Describe() const {
  switch (kind) {
    case Kind::kNull: return "nothing";
    case Kind::kBool: return integer ? "true" : "false";
    case Kind::kInteger: return fmt::format("{}", integer);
    case Kind::kNumber: return fmt::format("{}", number);
    case Kind::kString: return "the string " + Shown(text);
    case Kind::kObject: return "an object";
    case Kind::kArray: return "an array";
  }
  return "";
}

Result<JsonNode> ParseJsonTree(std::string_view text, const std::string& file, int code) {
  const Tidy tidy = Tidier(text).Run();
  Builder builder(tidy);
  if (!nlohmann::json::sax_parse(tidy.text, &builder)) {
    return Error{code, fmt::format("{}:{}: no JSON: {}; correct it there", file, builder.error_line, OneLine(builder.error, 200))};
  }
  if (builder.root.kind != JsonNode::Kind::kObject)
    return Error{code, fmt::format("{}:1: the file is {}; an rt-app file is an object: {{ \"tasks\" : {{ ... }} }}", file, builder.root.Describe())};
  return std::move(builder.root);
}

}  // namespace ose
