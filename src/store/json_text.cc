#include "store/json_text.h"

#include <limits>

#include "base/json.h"

namespace ose {
namespace {

using Json = nlohmann::json;

// Names come from user files: bytes that are not UTF-8 are replaced rather than thrown over.
std::string Dumped(const Json& j) { return j.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json Parsed(const std::string& text) { return Json::parse(text, nullptr, /*allow_exceptions=*/false); }

std::optional<double> Number(const Json& j) {
  if (j.is_null()) return std::numeric_limits<double>::quiet_NaN();
  if (!j.is_number()) return std::nullopt;
  return j.get<double>();
}

}  // namespace

std::string ToJson(const Metrics& metrics) {
  Json j = Json::object();
  for (const auto& [name, value] : metrics) j[name] = value;
  return Dumped(j);
}

std::string ToJson(const Tunables& tunables) { return Dumped(Json(tunables)); }
std::string ToJson(const std::vector<int64_t>& ids) { return Dumped(Json(ids)); }
std::string ToJson(const std::vector<double>& values) { return Dumped(Json(values)); }

std::optional<Metrics> ParseMetrics(const std::string& text) {
  Json j = Parsed(text);
  if (!j.is_object()) return std::nullopt;
  Metrics metrics;
  for (const auto& [name, value] : j.items()) {
    std::optional<double> x = Number(value);
    if (!x) return std::nullopt;
    metrics.emplace_hint(metrics.end(), name, *x);
  }
  return metrics;
}

std::optional<Tunables> ParseTunables(const std::string& text) {
  Json j = Parsed(text);
  if (!j.is_object()) return std::nullopt;
  Tunables tunables;
  for (const auto& [name, value] : j.items()) {
    const auto n = WholeNumber<int64_t>(value);
    if (!n) return std::nullopt;
    tunables[name] = *n;
  }
  return tunables;
}

std::optional<std::vector<int64_t>> ParseIds(const std::string& text) {
  Json j = Parsed(text);
  if (!j.is_array()) return std::nullopt;
  std::vector<int64_t> ids;
  for (const Json& id : j) {
    const auto n = WholeNumber<int64_t>(id);
    if (!n) return std::nullopt;
    ids.push_back(*n);
  }
  return ids;
}

std::optional<std::vector<double>> ParseDoubles(const std::string& text) {
  Json j = Parsed(text);
  if (!j.is_array()) return std::nullopt;
  std::vector<double> values;
  for (const Json& value : j) {
    std::optional<double> x = Number(value);
    if (!x) return std::nullopt;
    values.push_back(*x);
  }
  return values;
}

bool IsJson(const std::string& text) { return Json::accept(text); }

}  // namespace ose
