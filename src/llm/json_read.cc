#include "llm/json_read.h"

#include <cmath>

#include "base/utf8.h"

namespace ose {
namespace {

using nlohmann::json;

// A value costs memory per level, so 16 MB of "[" would cost a gigabyte.
constexpr int kMaxDepth = 128;

bool TooDeep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxDepth) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

// The code unit of "\uXXXX" at `i`, or -1.
int CodeUnit(std::string_view s, size_t i) {
  if (i + 6 > s.size() || s[i] != '\\' || s[i + 1] != 'u') return -1;
  int unit = 0;
  for (size_t k = i + 2; k < i + 6; ++k) {
    const char c = s[k];
    int digit = 0;
    if (c >= '0' && c <= '9') {
      digit = c - '0';
    } else if ((c | 32) >= 'a' && (c | 32) <= 'f') {
      digit = (c | 32) - 'a' + 10;
    } else {
      return -1;
    }
    unit = unit * 16 + digit;
  }
  return unit;
}

// Servers that cut a reply between the halves of a pair send each as a lone escape.
std::string WithoutLoneSurrogates(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  for (size_t i = 0; i < s.size();) {
    if (s[i] != '\\') {
      out += s[i++];
      continue;
    }
    const int unit = CodeUnit(s, i);
    size_t length = unit < 0 ? 2 : 6;
    bool lone = unit >= 0xdc00 && unit <= 0xdfff;
    if (unit >= 0xd800 && unit <= 0xdbff) {
      const int low = CodeUnit(s, i + 6);
      lone = low < 0xdc00 || low > 0xdfff;
      if (!lone) length = 12;
    }
    if (lone) {
      out += "\\ufffd";
    } else {
      out += s.substr(i, length);
    }
    i += length;
  }
  return out;
}

std::optional<json> Parse(std::string_view text) {
  json j = json::parse(text, nullptr, false);
  if (j.is_discarded()) return std::nullopt;
  return j;
}

}  // namespace

std::optional<json> ParseJson(std::string_view text) {
  if (TooDeep(text)) return std::nullopt;
  std::string repaired;
  if (!IsValidUtf8(text)) text = repaired = ToValidUtf8(text);
  if (auto j = Parse(text)) return j;
  if (text.find("\\u") == std::string_view::npos) return std::nullopt;
  return Parse(WithoutLoneSurrogates(text));
}

const json* JsonAt(const json& j, JsonPath path) {
  const json* at = &j;
  for (std::string_view name : path) {
    if (!at->is_object()) return nullptr;
    const auto it = at->find(name);
    if (it == at->end()) return nullptr;
    at = &*it;
  }
  return at->is_null() ? nullptr : at;
}

const json* JsonFirst(const json* array) {
  return array && array->is_array() && !array->empty() ? &array->front() : nullptr;
}

std::string_view JsonText(const json& j, JsonPath path) {
  const json* at = JsonAt(j, path);
  if (!at || !at->is_string()) return {};
  return at->get_ref<const std::string&>();
}

std::optional<int64_t> JsonCount(const json& j, JsonPath path) {
  constexpr double kMax = 1e12;
  const json* at = JsonAt(j, path);
  if (!at || !at->is_number()) return std::nullopt;
  const double v = at->get<double>();
  return static_cast<int64_t>(std::isnan(v) ? 0 : std::fmin(std::fmax(v, 0), kMax));
}

int64_t JsonCountOr0(const json& j, JsonPath path) { return JsonCount(j, path).value_or(0); }

std::string JsonBody(const json& j) { return j.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string PercentEncode(std::string_view segment) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : segment) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                       c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

}  // namespace ose
