#include "store/bundle_fields.h"

#include <algorithm>
#include <cmath>

#include "base/utf8.h"

namespace ose {

namespace {

using nlohmann::json;

constexpr size_t kMaxName = 128;

// Characters that a terminal obeys or that make a text read otherwise than it is: C0, DEL, C1, marks and overrides of
// direction, separators of lines and paragraphs, zero-width ones, and the byte order mark.
bool IsControl(std::string_view s, size_t i) {
  const auto byte = [&](size_t k) { return i + k < s.size() ? static_cast<uint8_t>(s[i + k]) : 0; };
  if (byte(0) < 0x20 || byte(0) == 0x7f) return true;
  if (byte(0) == 0xc2) return byte(1) < 0xa0;
  if (byte(0) == 0xd8) return byte(1) == 0x9c;  // U+061C
  if (byte(0) == 0xe2 && byte(1) == 0x80) return (byte(2) >= 0x8b && byte(2) <= 0x8f) || (byte(2) >= 0xa8 && byte(2) <= 0xae);
  if (byte(0) == 0xe2 && byte(1) == 0x81) return byte(2) >= 0xa0 && byte(2) <= 0xaf;
  return byte(0) == 0xef && byte(1) == 0xbb && byte(2) == 0xbf;
}

}  // namespace

std::string WhyUnprintable(std::string_view text, bool lines) {
  if (!IsValidUtf8(text)) return "is not UTF-8";
  for (size_t i = 0; i < text.size(); ++i)
    if (IsControl(text, i) && !(lines && (text[i] == '\n' || text[i] == '\t' || text[i] == '\r')))
      return "has control characters";
  return "";
}

std::string WhyNoName(std::string_view name) {
  if (name.empty()) return "is empty";
  if (name.size() > kMaxName) return "is longer than " + std::to_string(kMaxName) + " bytes";
  if (std::string why = WhyUnprintable(name, false); !why.empty()) return why;
  if (name.find_first_of("/\\") != name.npos) return "has a path separator";
  if (name[0] == '.' || name[0] == '-') return std::string("begins with '") + name[0] + "'";
  return "";
}

std::string Shown(std::string_view text, size_t max_bytes) {
  const std::string line = OneLine(text, max_bytes);  // valid UTF-8
  std::string out;
  for (size_t i = 0; i < line.size();) {
    const bool control = IsControl(line, i);
    if (control) out += '?';
    do {
      if (!control) out += line[i];
      ++i;
    } while (i < line.size() && (line[i] & 0xc0) == 0x80);
  }
  return out;
}

bool IsSha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

BundleFields::BundleFields(const json& object, std::string where, std::string* error)
    : object_(object), where_(std::move(where)), error_(error) {
  if (!object_.is_object()) Fail("", "is no object");
}

void BundleFields::Fail(const std::string& key, const std::string& what) {
  if (error_->empty()) *error_ = where_ + (where_.empty() || key.empty() ? "" : ".") + key + " " + what;
}

const json* BundleFields::Get(const char* key) {
  if (!object_.is_object()) return nullptr;
  asked_.emplace_back(key);
  const auto it = object_.find(key);
  if (it == object_.end()) {
    Fail(key, "is missing");
    return nullptr;
  }
  return &*it;
}

void BundleFields::Finish() {
  if (!object_.is_object()) return;
  for (const auto& [key, value] : object_.items())
    if (std::find(asked_.begin(), asked_.end(), key) == asked_.end()) Fail("", "has an unknown field '" + Shown(key, 40) + "'");
}

std::string BundleFields::Line(const char* key, size_t max_bytes) {
  const json* j = Get(key);
  if (!j) return "";
  if (!j->is_string()) return Fail(key, "is no string"), "";
  const std::string& text = j->get_ref<const std::string&>();
  if (text.size() > max_bytes) return Fail(key, "is longer than " + std::to_string(max_bytes) + " bytes"), "";
  if (std::string why = WhyUnprintable(text, false); !why.empty()) return Fail(key, "'" + Shown(text, 60) + "' " + why), "";
  return text;
}

std::string BundleFields::Name(const char* key) {
  std::string text = Line(key, kMaxName);
  if (!error_->empty()) return "";
  if (std::string why = WhyNoName(text); !why.empty()) return Fail(key, "'" + Shown(text, 60) + "' " + why), "";
  return text;
}

std::string BundleFields::Text(const char* key, size_t max_bytes) {
  const json* j = Get(key);
  if (!j) return "";
  if (!j->is_string()) return Fail(key, "is no string"), "";
  const std::string& text = j->get_ref<const std::string&>();
  if (text.size() > max_bytes)
    return Fail(key, "has " + std::to_string(text.size()) + " bytes, more than the limit of " + std::to_string(max_bytes)), "";
  if (std::string why = WhyUnprintable(text, true); !why.empty()) return Fail(key, why), "";
  return text;
}

std::string BundleFields::Hash(const char* key) {
  std::string text = Line(key, 64);
  if (error_->empty() && !IsSha256(text)) Fail(key, "is no SHA-256");
  return text;
}

double BundleFields::Number(const char* key) {
  const json* j = Get(key);
  if (!j) return 0;
  const double x = j->is_number() ? j->get<double>() : NAN;
  if (!std::isfinite(x)) return Fail(key, "is no finite number"), 0;
  return x;
}

int64_t BundleFields::Integer(const char* key, int64_t min, int64_t max) {
  const json* j = Get(key);
  if (!j) return min;
  const auto n = WholeNumber<int64_t>(*j);
  if (!n || *n < min || *n > max) return Fail(key, "is no whole number from " + std::to_string(min) + " to " + std::to_string(max)), min;
  return *n;
}

uint64_t BundleFields::Unsigned(const char* key) {
  const json* j = Get(key);
  if (!j) return 0;
  const auto n = WholeNumber<uint64_t>(*j);
  if (!n) return Fail(key, "is no whole number from 0 on"), 0;
  return *n;
}

SeedFamily BundleFields::Family(const char* key) {
  const std::string name = Line(key, 16);
  if (const auto family = SeedFamilyFromName(name)) return *family;
  Fail(key, "is no family of seeds");
  return SeedFamily::kFinal;
}

const json* BundleFields::Array(const char* key, size_t max) {
  const json* j = Get(key);
  if (!j) return nullptr;
  if (!j->is_array()) return Fail(key, "is no list"), nullptr;
  if (j->size() > max) return Fail(key, "has " + std::to_string(j->size()) + " entries, more than the limit of " + std::to_string(max)), nullptr;
  return j;
}

const json* BundleFields::Object(const char* key) {
  const json* j = Get(key);
  if (!j) return nullptr;
  if (!j->is_object()) return Fail(key, "is no object"), nullptr;
  return j;
}

}  // namespace ose
