// Reading the objects of a bundle: each field is asked for with its type and limits, and nothing else may be there.
// The first thing that is wrong is kept; reading goes on with empty values. And what names and texts of strangers may be.
#ifndef OSEVOLVE_STORE_BUNDLE_FIELDS_H_
#define OSEVOLVE_STORE_BUNDLE_FIELDS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "core/seeds.h"

namespace ose {

// "" for a text that can be shown as it is: valid UTF-8 without control characters (C1 and those that turn the
// direction of writing included); else why not. `lines`: line ends and tabs are fine.
std::string WhyUnprintable(std::string_view text, bool lines);
// "" for a name that can moreover become part of a path or an argument: no separators, no dot or dash in front, 1 to 128 bytes.
std::string WhyNoName(std::string_view name);
// A text that is neither, for a message: one line, what WhyUnprintable is about as '?', cut after some `max_bytes`.
std::string Shown(std::string_view text, size_t max_bytes);
bool IsSha256(std::string_view text);

class BundleFields {
 public:
  // `error`: the first one, "policies[3].source: what"; shared by all objects of a text. It must outlive this.
  BundleFields(const nlohmann::json& object, std::string where, std::string* error);

  std::string Name(const char* key);
  std::string Line(const char* key, size_t max_bytes);  // may be empty
  std::string Text(const char* key, size_t max_bytes);  // lines; may be empty
  std::string Hash(const char* key);
  double Number(const char* key);                       // finite
  int64_t Integer(const char* key, int64_t min, int64_t max);
  uint64_t Unsigned(const char* key);
  SeedFamily Family(const char* key);
  // An array of at most `max` elements; null when it is none.
  const nlohmann::json* Array(const char* key, size_t max);
  const nlohmann::json* Object(const char* key);

  void Fail(const std::string& key, const std::string& what);
  // Fields that nobody asked for are an error.
  void Finish();

 private:
  const nlohmann::json* Get(const char* key);

  const nlohmann::json& object_;
  std::string where_;
  std::string* error_;
  std::vector<std::string> asked_;
};

}  // namespace ose

#endif  // OSEVOLVE_STORE_BUNDLE_FIELDS_H_
