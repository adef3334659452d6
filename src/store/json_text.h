// JSON texts of columns: small value types to one canonical text each (keys sorted, shortest
// numbers that read back to the same double) and back. Private to src/store.
#ifndef OSEVOLVE_STORE_JSON_TEXT_H_
#define OSEVOLVE_STORE_JSON_TEXT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/candidate.h"

namespace ose {

// A number that is not finite becomes null and reads back as NaN.
std::string ToJson(const Metrics& metrics);
std::string ToJson(const Tunables& tunables);
std::string ToJson(const std::vector<int64_t>& ids);
std::string ToJson(const std::vector<double>& values);

// Empty when the text is not of that form: the column was changed by somebody else.
std::optional<Metrics> ParseMetrics(const std::string& text);
std::optional<Tunables> ParseTunables(const std::string& text);
std::optional<std::vector<int64_t>> ParseIds(const std::string& text);
std::optional<std::vector<double>> ParseDoubles(const std::string& text);

bool IsJson(const std::string& text);

}  // namespace ose

#endif  // OSEVOLVE_STORE_JSON_TEXT_H_
