// JsonTree: a JSON text with what the usual readers lose: the order of keys, keys that occur more than once,
// and the line of each. It allows what hand-written rt-app files have: comments, trailing commas, and a key
// without a value ("suspend",), which reads as null.
#ifndef OSEVOLVE_WORKLOAD_JSON_TREE_H_
#define OSEVOLVE_WORKLOAD_JSON_TREE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ose {

struct JsonNode {
  enum class Kind : uint8_t { kNull, kBool, kInteger, kNumber, kString, kObject, kArray };
  Kind kind = Kind::kNull;
  int line = 1;       // of its key; in an array, of the array's key
  std::string key = {};    // "" in an array
  int64_t integer = 0;  // also of a bool, 0 or 1
  double number = 0;  // also of an integer
  std::string text = {};
  std::vector<JsonNode> items = {};  // of an object or array

  // "an object", "the string \"x\"", "12": for errors. One line.
  std::string Describe() const;
};

// The text must be one object. Errors: `code`, "file:line: what; fix".
Result<JsonNode> ParseJsonTree(std::string_view text, const std::string& file, int code);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_JSON_TREE_H_
